"""``python -m conformance.primitives.timing --samples 100000``: does time tell a stranger how near a guess was?

After dudect: two classes of input in random order, each timed once per sample, the slowest tenth of all left out, Welch's
t over the rest. What is measured is what there is to guess here: which tokens are remembered, and a signature. There is
no compare with a stored secret yet; the vault and opaque keys bring the first. Needs ``tests``, ``tests/support`` and
``framework/tests/support`` on PYTHONPATH. Prints one line for each figure; exit 1 when a t is 4.5 or more.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from results import record

from gatelodge.core.identity import Principal
from gatelodge.resource_server.cache import CachedVerifier
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.resource_server.jws import parse_compact
from gatelodge.resource_server.jwt import TokenVerifier, Verified
from gatelodge.resource_server.signature import check_signature
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.tokens import TokenFactory

__all__ = ["LIMIT", "classes_of", "t_of"]

LIMIT = 4.5
POOL = 500
COMMAND = "PYTHONPATH=tests:tests/support:framework/tests/support .venv/bin/python -m conformance.primitives.timing"
ISSUER, RESOURCE = "https://as.example/realms/mcp", "https://mcp.example/mcp"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

# What is timed, and the two classes of its input.
Measured = tuple[Callable[[str], object], Sequence[str], Sequence[str]]


class NoKeys:
    """A key source that is never asked."""

    async def find(self, kid: str, algorithm: str) -> object:
        raise TokenRejected(Reason.KEY_UNKNOWN, f"{kid} for {algorithm}")


class Known(TokenVerifier):
    """Knows one token and refuses all others at once, so that the look-up is what is timed."""

    def __init__(self, token: str, verified: Verified) -> None:
        self._token, self._verified = token, verified
        self._refused = TokenRejected(Reason.SIGNATURE, "another token")

    async def check(self, token: str) -> Verified:
        if token != self._token:
            raise self._refused
        return self._verified


def t_of(measured: Measured, samples: int, source: random.Random) -> float:
    """Welch's t of the times of the two classes."""
    run, *pools = measured
    times: tuple[list[int], list[int]] = ([], [])
    clock = time.perf_counter_ns
    for number in range(samples + samples // 100):
        which = source.getrandbits(1)
        value = pools[which][source.randrange(len(pools[which]))]
        begun = clock()
        run(value)
        took = clock() - begun
        # The first ones fill caches.
        if number >= samples // 100:
            times[which].append(took)
    cut = sorted([*times[0], *times[1]])[samples * 9 // 10]
    kept = [[took for took in each if took <= cut] for each in times]
    spread = sum(statistics.variance(each) / len(each) for each in kept)
    return float((statistics.fmean(kept[0]) - statistics.fmean(kept[1])) / spread**0.5)


def classes_of(source: random.Random) -> dict[str, Measured]:
    """Every figure: near guesses first, far ones second."""
    tokens = TokenFactory(ISSUER, RESOURCE, ManualClock())
    token = tokens.token()
    config = ResourceServerConfig(public_url=RESOURCE, issuer=ISSUER)
    return {
        "remembered token, look-up by digest": _look_up(tokens, token, source),
        "RS256 signature": _signature(tokens, config, "RS256", source),
        "ES256 signature": _signature(tokens, config, "ES256", source),
    }


def _look_up(tokens: TokenFactory, token: str, source: random.Random) -> Measured:
    principal = Principal(ISSUER, "alice", frozenset(), expires_at=4e9)
    verified = Verified(principal, tokens.kid(), "RS256", tokens.key())
    clock = ManualClock()
    cached = CachedVerifier(Known(token, verified), {ISSUER: NoKeys()}, clock, leeway=0.0)  # type: ignore[dict-item]
    run(cached.verify, token)
    near = [token[:-8] + _text(source, 8) for _ in range(POOL)]
    far = [_text(source, len(token)) for _ in range(POOL)]
    return (lambda guess: run(cached.verify, guess)), near, far


def _signature(tokens: TokenFactory, config: ResourceServerConfig, algorithm: str, source: random.Random) -> Measured:
    token = tokens.token(algorithm=algorithm)
    key = tokens.key(algorithm)
    head, _, signature = token.rpartition(".")

    def check(guess: str) -> None:
        signed = parse_compact(guess, config.algorithms)
        try:
            check_signature(signed, key)
        except TokenRejected:
            return

    # Eight characters near the end differ, or all but the first eight and the last: another beginning may be a number
    # beyond the modulus, which is refused at once and is public; the last character has unused bits.
    near = [f"{head}.{signature[:-9]}{_text(source, 8)}{signature[-1]}" for _ in range(POOL)]
    far = [f"{head}.{signature[:8]}{_text(source, len(signature) - 9)}{signature[-1]}" for _ in range(POOL)]
    return check, near, far


def run(verify: Callable[[str], object], guess: str) -> None:
    """Drive a coroutine that never waits."""
    try:
        verify(guess).send(None)  # type: ignore[attr-defined]
    except (StopIteration, TokenRejected):
        return


def _text(source: random.Random, length: int) -> str:
    return "".join(source.choices(_ALPHABET, k=length))


def early_exit(source: random.Random) -> Measured:
    """The control: a compare that ends at the first difference."""
    secret = _text(source, 64)

    def compare(guess: str) -> bool:
        return all(one == other for one, other in zip(secret, guess, strict=True))

    return compare, [secret[:-8] + _text(source, 8) for _ in range(POOL)], [_text(source, 64) for _ in range(POOL)]


def main() -> int:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(prog="conformance.primitives.timing", description=__doc__)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    source = random.Random(chosen.seed)  # noqa: S311 - inputs must be repeatable
    control = abs(t_of(early_exit(source), chosen.samples, source))
    sys.stdout.write(f"control, early exit: |t| {control:.1f}\n")
    worst = 0.0
    for name, measured in classes_of(source).items():
        found = abs(t_of(measured, chosen.samples, source))
        worst = max(worst, found)
        sys.stdout.write(f"{name}: |t| {found:.2f}\n")
        record(
            29,
            name,
            tried=chosen.samples,
            passed=chosen.samples if found < LIMIT else 0,
            command=f"{COMMAND} --samples {chosen.samples} --seed {chosen.seed}",
            negative_control=f"a compare that ends at the first difference: |t| {control:.0f}",
            figure=f"|t| {found:.2f}",
        )
    return int(worst >= LIMIT or control < LIMIT)


if __name__ == "__main__":
    sys.exit(main())

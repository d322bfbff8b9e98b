"""What the token check costs by itself, in microseconds: ``python benchmarks/token_check.py``.

Cold is the whole check less what the library's own RS256 verification takes; a hit is a token that was checked before.
Rounds alternate, and the best of each is taken: noise only ever adds.
"""

import argparse
import time
from collections.abc import Awaitable, Callable

import uvloop
from joserfc.jws import JWSRegistry

from gatelodge.core.clock import SystemClock
from gatelodge.issuer.config import IssuerConfig
from gatelodge.issuer.keys import KeySource
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.resource_server.cache import CachedVerifier
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.jws import parse_compact
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

ISSUER, RESOURCE = "https://as.example/realms/mcp", "https://mcp.example/mcp"
COLD_GOAL, HIT_GOAL = 40.0, 5.0


async def main(rounds: int, calls: int) -> int:
    """Print the three figures. Returns 1 when a goal is missed."""
    clock = SystemClock()
    config = ResourceServerConfig(public_url=RESOURCE, issuer=ISSUER)
    issuer = FakeIssuer(TokenFactory(ISSUER, RESOURCE, clock))
    outbound, section = issuer.outbound(), IssuerConfig(issuer=ISSUER)
    keys = KeySource(outbound, section, MetadataSource(outbound, section, clock), clock)
    verifier = TokenVerifier(config, keys, clock)
    cached = CachedVerifier(verifier, {ISSUER: keys}, clock, leeway=config.leeway)
    token = issuer.tokens.token()
    signed, key = parse_compact(token, config.algorithms), (await verifier.check(token)).key
    algorithm = JWSRegistry.algorithms["RS256"]

    async def library() -> object:
        return algorithm.verify(signed.signing_input, signed.signature, key)

    best = dict.fromkeys(("library", "cold", "hit"), float("inf"))
    subjects: dict[str, Callable[[], Awaitable[object]]] = {
        "library": library,
        "cold": lambda: verifier.verify(token),
        "hit": lambda: cached.verify(token),
    }
    for _ in range(rounds):
        for name, subject in subjects.items():
            best[name] = min(best[name], await _time(subject, calls))
    await outbound.aclose()
    extra = best["cold"] - best["library"]
    print(f"library's RS256 verify  {best['library']:6.1f} us")
    print(f"our check, cold         {best['cold']:6.1f} us, {extra:.1f} more (goal: at most {COLD_GOAL:.0f})")
    print(f"our check, remembered   {best['hit']:6.1f} us (goal: at most {HIT_GOAL:.0f})")
    return int(extra > COLD_GOAL or best["hit"] > HIT_GOAL)


async def _time(subject: Callable[[], Awaitable[object]], calls: int) -> float:
    """Microseconds a call."""
    began = time.perf_counter()
    for _ in range(calls):
        await subject()
    return (time.perf_counter() - began) / calls * 1e6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--calls", type=int, default=500)
    options = parser.parse_args()
    raise SystemExit(uvloop.run(main(options.rounds, options.calls)))

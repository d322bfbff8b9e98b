"""Verified tokens are remembered, and forgotten as soon as a full check could end otherwise."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from gatelodge.core.identity import Principal
from gatelodge.issuer.keys import KeySource, KeysUnavailable
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.resource_server.cache import MAX_AGE, CachedVerifier
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.resource_server.jwt import TokenVerifier, Verified
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory


class Counting(TokenVerifier):
    """Counts full checks."""

    checks = 0

    async def check(self, token: str) -> Verified:
        self.checks += 1
        return await super().check(token)


@dataclass
class Live:
    """A cached verifier on the real key source."""

    cached: CachedVerifier
    inner: Counting
    issuer: FakeIssuer
    clock: ManualClock

    async def principal(self, token: str) -> Principal:
        return await self.cached.verify(token)

    async def refusal(self, token: str) -> Reason:
        with pytest.raises(TokenRejected) as caught:
            await self.cached.verify(token)
        return caught.value.reason


@pytest.fixture
async def live(clock: ManualClock, config: ResourceServerConfig) -> AsyncIterator[Live]:
    issuer = FakeIssuer(TokenFactory(config.issuer, config.public_url, clock))
    outbound, section = issuer.outbound(), issuer.config()
    keys = KeySource(outbound, section, MetadataSource(outbound, section, clock), clock)
    inner = Counting(config, keys, clock)
    cached = CachedVerifier(inner, {config.issuer: keys}, clock, leeway=config.leeway, max_entries=3)
    yield Live(cached, inner, issuer, clock)
    await outbound.aclose()


async def test_a_token_is_fully_checked_once(live: Live) -> None:
    token = live.issuer.tokens.token()
    assert await live.principal(token) == await live.principal(token)
    assert live.inner.checks == 1


async def test_a_remembered_token_ends_with_its_exp_and_leeway(live: Live) -> None:
    token = live.issuer.tokens.token(exp=int(live.clock.now()) + 5)
    await live.principal(token)
    live.clock.advance(14.9)
    await live.principal(token)
    live.clock.advance(0.2)
    assert await live.refusal(token) is Reason.EXPIRED


async def test_a_clock_set_back_brings_the_full_check(live: Live) -> None:
    token = live.issuer.tokens.token(nbf=int(live.clock.now()))
    await live.principal(token)
    live.clock._now -= 100
    assert await live.refusal(token) is Reason.NOT_YET_VALID


async def test_no_entry_outlives_the_maximum_age(live: Live) -> None:
    token = live.issuer.tokens.token()
    await live.principal(token)
    live.clock.advance(MAX_AGE)
    await live.principal(token)
    assert live.inner.checks == 2


async def test_a_key_that_is_gone_takes_its_tokens_along(live: Live) -> None:
    old = live.issuer.tokens.token()
    await live.principal(old)
    live.issuer.tokens.rotate(keep_old=False)
    live.clock.advance(30)
    # Another client's token under the new key makes the keys be read again.
    await live.principal(live.issuer.tokens.token())
    assert await live.refusal(old) is Reason.KEY_UNKNOWN


async def test_without_usable_keys_a_remembered_token_is_no_better_off(live: Live) -> None:
    section = live.issuer.config()
    token = live.issuer.tokens.token(exp=int(live.clock.now()) + 3000)
    await live.principal(token)
    live.issuer.unreachable = True
    live.clock.advance(section.keys_stale_limit - 20)
    fresh = live.issuer.tokens.token()
    await live.principal(fresh)
    live.clock.advance(40)
    with pytest.raises(KeysUnavailable):
        await live.principal(fresh)


async def test_another_signature_is_another_token(live: Live) -> None:
    token = live.issuer.tokens.token()
    await live.principal(token)
    head, _, signature = token.rpartition(".")
    assert await live.refusal(f"{head}.{'A' * len(signature)}") is Reason.SIGNATURE
    assert await live.refusal(token + "é") is Reason.MALFORMED
    assert await live.refusal(token + "\ud800") is Reason.MALFORMED


async def test_refused_tokens_are_not_kept_and_the_oldest_accepted_one_goes_first(live: Live) -> None:
    tokens = [live.issuer.tokens.token(jti=str(number)) for number in range(4)]
    for token in tokens[:3]:
        await live.principal(token)
    for number in range(20):
        await live.refusal(live.issuer.tokens.token(aud="https://other.example", jti=str(number)))
    before = live.inner.checks
    await live.principal(tokens[0])
    assert live.inner.checks == before
    await live.principal(tokens[3])
    await live.principal(tokens[1])
    assert live.inner.checks == before + 1
    await live.principal(tokens[0])
    assert live.inner.checks == before + 2

"""The verifier on the real key source: rotation, removal and outage of the issuer."""

from collections.abc import AsyncIterator

import pytest

from gatelodge.issuer.keys import KeySource, KeysUnavailable
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory


@pytest.fixture
def issuer(clock: ManualClock, config: ResourceServerConfig) -> FakeIssuer:
    return FakeIssuer(TokenFactory(config.issuer, config.public_url, clock))


@pytest.fixture
async def live(issuer: FakeIssuer, config: ResourceServerConfig, clock: ManualClock) -> AsyncIterator[TokenVerifier]:
    outbound = issuer.outbound()
    section = issuer.config()
    yield TokenVerifier(config, KeySource(outbound, section, MetadataSource(outbound, section, clock), clock), clock)
    await outbound.aclose()


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_a_token_of_a_published_key_is_accepted(live: TokenVerifier, issuer: FakeIssuer, algorithm: str) -> None:
    token = issuer.tokens.token(algorithm=algorithm)
    assert (await live.verify(token)).issuer == issuer.tokens.issuer


@pytest.mark.requirement("RFC8725-3.8-issuer-keys", "RFC9068-4-issuer-keys")
async def test_a_new_key_is_accepted_and_a_removed_one_refused(
    live: TokenVerifier, issuer: FakeIssuer, clock: ManualClock
) -> None:
    old = issuer.tokens.token()
    await live.verify(old)
    issuer.tokens.rotate(keep_old=False)
    clock.advance(30)
    await live.verify(issuer.tokens.token())
    with pytest.raises(TokenRejected) as caught:
        await live.verify(old)
    assert caught.value.reason is Reason.KEY_UNKNOWN


async def test_an_issuer_that_never_answered_is_no_reason_to_refuse_the_token(
    live: TokenVerifier, issuer: FakeIssuer
) -> None:
    issuer.unreachable = True
    with pytest.raises(KeysUnavailable):
        await live.verify(issuer.tokens.token())


async def test_tokens_are_checked_through_an_outage_with_the_keys_at_hand(
    live: TokenVerifier, issuer: FakeIssuer, clock: ManualClock
) -> None:
    await live.verify(issuer.tokens.token())
    issuer.unreachable = True
    clock.advance(3600)
    assert (await live.verify(issuer.tokens.token())).issuer == issuer.tokens.issuer
    with pytest.raises(TokenRejected):
        await live.verify(issuer.tokens.token(exp=int(clock.now()) - 60))


@pytest.mark.requirement("RFC8725-3.10-no-fetch")
async def test_malformed_tokens_cost_the_issuer_no_request(live: TokenVerifier, issuer: FakeIssuer) -> None:
    for header in ({"alg": "none"}, {"crit": 1}, {"jku": "https://canary.example"}, {"typ": "dpop+jwt"}):
        with pytest.raises(TokenRejected):
            await live.verify(issuer.tokens.token(header=header))
    assert (issuer.metadata_fetches, issuer.keys_fetches) == (0, 0)

"""Several issuers: each vouches for its own tokens only (catalogue C06 and C07; RFC 9700, section 4.4)."""

from dataclasses import replace
from typing import Any

import pytest

from gatelodge.core.errors import GatelodgeError
from gatelodge.issuer.keys import KeySource, KeysUnavailable
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.resource_server.config import ResourceServerConfig, ResourceServerMisconfigured
from gatelodge.resource_server.jwt import Reason, TokenRejected, TokenVerifier
from gatelodge.resource_server.metadata import protected_resource_metadata
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

SECOND = "https://second.example/realms/staff"


class Trusting:
    """A verifier that trusts two live issuers, and both of them."""

    def __init__(self, config: ResourceServerConfig, clock: ManualClock) -> None:
        self.first = FakeIssuer(TokenFactory(config.issuer, config.public_url, clock))
        self.second = FakeIssuer(TokenFactory(SECOND, config.public_url, clock))
        sources = []
        for issuer in (self.first, self.second):
            outbound, section = issuer.outbound(), issuer.config()
            sources.append(KeySource(outbound, section, MetadataSource(outbound, section, clock), clock))
        self.verifier = TokenVerifier(
            replace(config, trusted_issuers=(SECOND,)), sources[0], clock, trusted={SECOND: sources[1]}
        )

    async def reason(self, token: str) -> Reason:
        with pytest.raises(TokenRejected) as caught:
            await self.verifier.verify(token)
        return caught.value.reason


@pytest.fixture
def trusting(config: ResourceServerConfig, clock: ManualClock) -> Trusting:
    return Trusting(config, clock)


async def test_a_token_of_each_issuer_names_its_issuer_in_the_principal(trusting: Trusting) -> None:
    for issuer in (trusting.first, trusting.second):
        assert (await trusting.verifier.verify(issuer.tokens.token())).issuer == issuer.tokens.issuer


async def test_one_issuer_cannot_sign_for_the_other(trusting: Trusting) -> None:
    first, second = trusting.first.tokens, trusting.second.tokens
    assert await trusting.reason(first.token(iss=SECOND)) is Reason.KEY_UNKNOWN
    assert await trusting.reason(second.token(iss=first.issuer)) is Reason.KEY_UNKNOWN


async def test_the_same_key_id_at_both_issuers_means_two_keys(trusting: Trusting) -> None:
    first, second = trusting.first.tokens, trusting.second.tokens
    shared = {"keys": [{**key, "kid": "shared"} for key in second.jwks()["keys"][:1]]}
    trusting.second.keys = shared
    trusting.first.keys = {"keys": [{**key, "kid": "shared"} for key in first.jwks()["keys"][:1]]}
    head = {"kid": "shared"}
    assert (await trusting.verifier.verify(first.token(header=head))).issuer == first.issuer
    assert (await trusting.verifier.verify(second.token(header=head))).issuer == SECOND
    assert await trusting.reason(first.token(header=head, iss=SECOND)) is Reason.SIGNATURE
    assert await trusting.reason(second.token(header=head, iss=first.issuer)) is Reason.SIGNATURE


@pytest.mark.parametrize(
    "claimed",
    [f"{SECOND}/", SECOND.upper(), "https://other.example", None, [SECOND], {SECOND: 1}, 1, True, ""],
    ids=repr,
)
async def test_an_issuer_that_is_not_exactly_one_of_them_costs_no_fetch(trusting: Trusting, claimed: Any) -> None:
    tokens = trusting.second.tokens
    claims = {**tokens.claims(), "iss": claimed}
    token = tokens.sign({"alg": "RS256", "typ": "JWT", "kid": tokens.kid()}, claims)
    assert await trusting.reason(token) is Reason.ISSUER
    for issuer in (trusting.first, trusting.second):
        assert (issuer.metadata_fetches, issuer.keys_fetches) == (0, 0)


async def test_a_payload_that_cannot_be_read_names_no_issuer(trusting: Trusting) -> None:
    tokens = trusting.first.tokens
    head = {"alg": "RS256", "typ": "JWT", "kid": tokens.kid()}
    for payload in (b"claims", b"[]", b'{"iss":"a","iss":"b"}', b"[" * 5_000):
        assert await trusting.reason(tokens.sign(head, payload)) is Reason.MALFORMED


async def test_an_outage_of_one_issuer_leaves_the_other_working(trusting: Trusting) -> None:
    trusting.second.unreachable = True
    assert await trusting.verifier.verify(trusting.first.tokens.token())
    with pytest.raises(KeysUnavailable):
        await trusting.verifier.verify(trusting.second.tokens.token())


async def test_only_the_named_issuer_is_asked_for_an_unknown_key(trusting: Trusting) -> None:
    assert await trusting.reason(trusting.second.tokens.token(header={"kid": "unknown"})) is Reason.KEY_UNKNOWN
    assert (trusting.first.metadata_fetches, trusting.first.keys_fetches) == (0, 0)
    assert trusting.second.keys_fetches <= 2


def test_the_metadata_names_the_main_issuer_first(config: ResourceServerConfig) -> None:
    document = protected_resource_metadata(replace(config, trusted_issuers=(SECOND,)), scopes=["a:read"], name="x")
    assert document["authorization_servers"] == [config.issuer, SECOND]


@pytest.mark.parametrize("trusted", [("",), (SECOND, SECOND)])
def test_an_empty_or_doubled_trusted_issuer_is_refused(config: ResourceServerConfig, trusted: tuple[str, ...]) -> None:
    with pytest.raises(ResourceServerMisconfigured, match="named twice"):
        replace(config, trusted_issuers=trusted)


def test_the_main_issuer_is_not_to_be_repeated(config: ResourceServerConfig) -> None:
    with pytest.raises(ResourceServerMisconfigured, match="named twice"):
        replace(config, trusted_issuers=(config.issuer,))


def test_a_trusted_issuer_without_keys_of_its_own_is_refused(
    config: ResourceServerConfig, ring: Any, clock: ManualClock
) -> None:
    with pytest.raises(GatelodgeError, match="its own keys"):
        TokenVerifier(replace(config, trusted_issuers=(SECOND,)), ring, clock)
    with pytest.raises(GatelodgeError, match="its own keys"):
        TokenVerifier(config, ring, clock, trusted={SECOND: ring})


async def test_a_github_login_is_read_from_the_server_s_own_issuer_only(trusting: Trusting) -> None:
    own = await trusting.verifier.verify(trusting.first.tokens.token(github_login="octocat"))
    other = await trusting.verifier.verify(trusting.second.tokens.token(github_login="octocat"))
    assert (own.github_login, own.foreign) == ("octocat", False)
    assert (other.github_login, other.foreign) == (None, True)


@pytest.mark.parametrize("login", ["", 7, ["octocat"], "octo\ncat", "x" * 256])
async def test_a_github_login_that_is_no_name_refuses_the_token(trusting: Trusting, login: Any) -> None:
    assert await trusting.reason(trusting.first.tokens.token(github_login=login)) is Reason.CLAIM


async def test_a_look_alike_of_the_claim_refuses_the_token(trusting: Trusting) -> None:
    token = trusting.first.tokens.token(GitHub_Login="octocat")
    assert await trusting.reason(token) is Reason.CLAIM

"""Claims and times of an assertion, with a clock of the test's own. The whole way is in tests/e2e/access."""

from typing import Any

import pytest
from joserfc.jwk import Key

from gatelodge.resource_server.access_assertion import AccessConfig, AccessIdentity, AccessVerifier
from gatelodge.resource_server.access_scopes import AccessScopes, is_rule
from gatelodge.resource_server.cache import CachedVerifier
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.tokens import TokenFactory

TEAM = "https://example.cloudflareaccess.com"
AUD = "a" * 64
RULES = AccessScopes({"*@example.com": frozenset({"notes:read"}), "group:Editors": frozenset({"notes:write"})})


class Team:
    """One key, its tokens, and a verifier of them."""

    def __init__(self, **config: Any) -> None:
        self.clock = ManualClock()
        self.tokens = TokenFactory(TEAM, AUD, self.clock)
        given: dict[str, Any] = {"issuer": TEAM, "audiences": frozenset({AUD, "b" * 64}), "scopes": RULES, **config}
        self.verifier = AccessVerifier(AccessConfig(**given), self, self.clock)

    async def find(self, kid: str, algorithm: str) -> Key:
        assert kid == self.tokens.kid(algorithm)
        return self.tokens.key(algorithm)

    def assertion(self, **claims: Any) -> str:
        now = int(self.clock.now())
        person = {
            "aud": [AUD],
            "email": "alice@example.com",
            "iat": now,
            "exp": now + 600,
            "type": "app",
            "sub": "7335",
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": self.tokens.kid()}
        full = {"iss": TEAM, **person, **claims}
        return self.tokens.sign(header, {name: value for name, value in full.items() if value is not None})

    async def reason(self, **claims: Any) -> Reason:
        with pytest.raises(TokenRejected) as refused:
            await self.verifier.verify(self.assertion(**claims))
        return refused.value.reason


async def test_a_person_is_issuer_and_sub_with_the_scopes_of_the_rules() -> None:
    principal = await _principal()
    assert (principal.issuer, principal.subject, principal.username) == (TEAM, "7335", "alice@example.com")
    assert (principal.scopes, principal.service, principal.roles) == ({"notes:read"}, False, frozenset())


async def _principal(**claims: Any) -> Any:
    team = Team()
    return await team.verifier.verify(team.assertion(**claims))


async def test_a_person_without_an_address_has_no_scopes_of_addresses() -> None:
    principal = await _principal(email=None, custom={"groups": ["Editors", "Others"]})
    assert (principal.username, principal.scopes) == (None, {"notes:write"})


async def test_a_service_token_is_a_service_without_scopes_whatever_groups_it_names() -> None:
    principal = await _principal(email=None, sub="", common_name="abc.access", groups=["Editors"])
    assert (principal.subject, principal.service, principal.scopes) == ("abc.access", True, frozenset())


async def test_any_of_our_tags_counts_and_each_as_text_too() -> None:
    assert await _principal(aud="b" * 64)
    assert await _principal(aud=["c" * 64, AUD])


async def test_times_are_held_with_the_leeway_and_no_more() -> None:
    team = Team(leeway=10.0, max_life=3600.0)
    now = int(team.clock.now())
    assert await team.verifier.verify(team.assertion(exp=now - 9, iat=now - 60))
    assert await team.reason(exp=now - 10, iat=now - 60) is Reason.EXPIRED
    assert await team.verifier.verify(team.assertion(nbf=now + 10, iat=now + 10))
    assert await team.reason(nbf=now + 11) is Reason.NOT_YET_VALID
    assert await team.reason(iat=now + 11) is Reason.NOT_YET_VALID
    assert await team.reason(exp=now + 3601) is Reason.LIFETIME
    assert await team.reason(exp=True) is Reason.CLAIM


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"groups": 7}, Reason.CLAIM),
        ({"custom": []}, Reason.CLAIM),
        ({"email": 7}, Reason.CLAIM),
        ({"email": "a" * 300}, Reason.CLAIM),
        ({"common_name": "x", "sub": "y"}, Reason.SUBJECT),
        ({"sub": ""}, Reason.SUBJECT),
        ({"AUD": AUD}, Reason.CLAIM),
        ({"type": "org"}, Reason.TYPE),
        ({"iss": f"{TEAM}:443"}, Reason.ISSUER),
        ({"aud": "c" * 64}, Reason.AUDIENCE),
    ],
)
async def test_a_claim_that_is_wrong_refuses_the_assertion(claims: dict[str, Any], reason: Reason) -> None:
    assert await Team().reason(**claims) is reason


async def test_a_remembered_assertion_ends_when_it_ends() -> None:
    team = Team()
    cached = CachedVerifier(team.verifier, {TEAM: team}, team.clock, leeway=10.0)
    identity, assertion = AccessIdentity(cached), team.assertion()
    scope = {"headers": [(b"cf-access-jwt-assertion", assertion.encode())]}
    first = await identity.identify(scope)
    assert first is await identity.identify(scope)
    team.clock.advance(700)
    with pytest.raises(TokenRejected):
        await identity.identify(scope)
    assert await identity.identify({"headers": [(b"cookie", b"CF_Authorization=" + assertion.encode())]}) is None


def test_rules_give_what_fits_exactly() -> None:
    rules = AccessScopes(
        {"alice@example.com": frozenset({"a"}), "*@example.com": frozenset({"b"}), "group:G": frozenset("c")}
    )
    assert rules.of("alice@example.com", ["G"]) == {"a", "b", "c"}
    assert rules.of("bob@example.com", ["g"]) == {"b"}
    assert rules.of("bob@sub.example.com", []) == frozenset()
    assert rules.of(None, []) == frozenset()
    for other in ("bob@example.com@evil.test", "bob@example.com ", '"bob@example.com"@evil.test', "*@example.com"):
        assert rules.of(other, []) == frozenset()
    assert [is_rule(who) for who in ("a@b.c", "*@b.c", "group:x", "*", "*@*", "a@b", "group: ")] == [
        *[True] * 3,
        *[False] * 4,
    ]

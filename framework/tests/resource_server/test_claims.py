"""Claims that a validly signed token may have, and the many that it may not (catalogue part C)."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from gatelodge.core.identity import Principal
from gatelodge.resource_server.claims import principal_of
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.tokens import TokenFactory

Refused = Callable[[str], Awaitable[Reason]]
Accepted = Callable[[str], Awaitable[Principal]]

NOW = ManualClock().now()
ISSUER = "https://as.example:8443/realms/mcp"
RESOURCE = "https://mcp.example/mcp"
ABSENT: Any = None


async def test_a_good_token_becomes_its_principal(tokens: TokenFactory, accepted: Accepted) -> None:
    token = tokens.token(
        sub="user-1",
        scope="notes:read notes:write",
        realm_access={"roles": ["editor", "user"]},
        resource_access={"other": {"roles": ["admin"]}},
        preferred_username="alice",
        azp="client-1",
    )
    principal = await accepted(token)
    assert principal == Principal(
        issuer=ISSUER,
        subject="user-1",
        scopes=frozenset({"notes:read", "notes:write"}),
        roles=frozenset({"editor", "user"}),
        username="alice",
        client_id="client-1",
    )
    assert principal.expires_at == tokens.claims()["exp"]


async def test_a_bare_token_becomes_a_principal_that_may_nothing(tokens: TokenFactory, accepted: Accepted) -> None:
    token = tokens.token(sub="user-1", scope=ABSENT, preferred_username=ABSENT, azp=ABSENT)
    assert await accepted(token) == Principal(issuer=ISSUER, subject="user-1")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": RESOURCE},
        {"aud": [RESOURCE]},
        {"aud": ["account", RESOURCE]},
        {"exp": NOW + 60.5},
        {"exp": NOW - 9.5, "iat": NOW - 300},
        {"exp": NOW + 3600},
        {"iat": NOW + 9.5},
        {"nbf": NOW + 9.5},
        {"nbf": 0},
        {"azp": "client-1", "client_id": "client-1"},
        {"azp": ABSENT, "client_id": "client-1"},
        {"scope": ""},
        {"scope": " a  b "},
        {"realm_access": {}},
        {"realm_access": {"roles": []}},
        {"preferred_username": "Zoë O'Hara"},
        {"unknown": {"deep": [1, 2, {"a": "b"}]}},
        {"Groups": ["a"], "groups": ["b"]},
    ],
    ids=repr,
)
async def test_what_a_realm_may_say_is_accepted(
    tokens: TokenFactory, accepted: Accepted, claims: dict[str, Any]
) -> None:
    assert (await accepted(tokens.token(**claims))).issuer == ISSUER


def wrong(claim: str, reason: Reason, *values: Any) -> list[tuple[str, Any, Reason]]:
    return [(claim, value, reason) for value in values]


MISSPELT_ISSUERS: list[Any] = [
    f"{ISSUER}/",
    f"{ISSUER}\x00",
    ISSUER.upper(),
    ISSUER.replace("as.example", "AS.example"),
    ISSUER.replace(":8443", ""),
    ISSUER.replace("realms/mcp", "realms/%6dcp"),
    ISSUER.replace("realms/mcp", "realms/other"),
    ISSUER.replace("realms/mcp", "realms/mcp2"),
    ISSUER.replace("realms/mcp", "realms/mc"),
    ISSUER.replace("https", "http"),
    ISSUER.replace("as.", "\u0430s."),
    [ISSUER],
    {ISSUER: 1},
    1,
]
OTHER_AUDIENCES: list[Any] = [
    *("account", ["account", "other-client"], "https://mcp.example", "https://mcp.example/mc", [f"{RESOURCE}/"]),
    *(f"{RESOURCE}.evil", f"{RESOURCE}/", f"{RESOURCE}/x", f"{RESOURCE}#f", f"{RESOURCE}?q", f" {RESOURCE}"),
    *("https://mcp.example/MCP", "https://MCP.example/mcp", "https://mcp.example:443/mcp", "http://mcp.example/mcp"),
    *(f"account {RESOURCE}", f"{RESOURCE},account"),
    *("", [], 1, True, {RESOURCE: 1}, [[RESOURCE]], [RESOURCE, 1], [RESOURCE, None]),
]
UNSAFE_NAMES = ["", "a\r\nb", "a\x00b", "a\x1b[2J", "a\u2028b", "a\u202eb", "a" * 256]

# In the order of the catalogue's part C; look-alikes of claims are its B04.
WRONG: list[tuple[str, Any, Reason]] = [
    *wrong("exp", Reason.CLAIM, ABSENT, "123", str(NOW + 60), True, [NOW + 60], {"a": 1}, -1, 1e308, 10**400, 2**63),
    *wrong("exp", Reason.EXPIRED, 0, NOW - 3600, NOW - 10),
    *wrong("exp", Reason.LIFETIME, NOW + 10 * 365 * 86_400, NOW + 3601, NOW),
    *wrong("nbf", Reason.CLAIM, str(NOW), False, [0], -5, 10**400),
    *wrong("nbf", Reason.NOT_YET_VALID, NOW + 11, NOW + 3600),
    *wrong("iat", Reason.CLAIM, ABSENT, str(NOW), True, [NOW], 1e308, -1),
    *wrong("iat", Reason.NOT_YET_VALID, NOW + 11, NOW + 86_400),
    *wrong("iat", Reason.LIFETIME, NOW - 86_400, 0),
    *wrong("iss", Reason.ISSUER, ABSENT, *MISSPELT_ISSUERS),
    *wrong("aud", Reason.AUDIENCE, ABSENT, *OTHER_AUDIENCES),
    *wrong("typ", Reason.TYPE, "ID", "Refresh", "Offline", "Logout", "DPoP", "bearer", "", [], True),
    *wrong("sub", Reason.SUBJECT, ABSENT, 7, True, ["a"], {"a": 1}, *UNSAFE_NAMES),
    *wrong("azp", Reason.CLAIM, ["client-1"], 1, {}, *UNSAFE_NAMES),
    *wrong("client_id", Reason.CLAIM, "another", ["client-1"]),
    *wrong("scope", Reason.CLAIM, ["notes:read"], 1, True, {"a": 1}),
    *wrong("scope", Reason.CLAIM, "a\tb", "a\nb", 'a"b', "a\\b", "\u00e4", "a\x00b", "a\u00a0b"),
    *wrong("realm_access", Reason.CLAIM, [], "admin", 1, {"roles": "admin"}, {"roles": [1]}, {"roles": None}),
    *wrong("realm_access", Reason.CLAIM, {"roles": {"admin": 1}}, {"roles": ["admin", None]}),
    *wrong("preferred_username", Reason.CLAIM, ["alice"], 1, *UNSAFE_NAMES),
    *wrong("gatelodge_service", Reason.CLAIM, ["c"], True, {}, "another-client", *UNSAFE_NAMES),
    *wrong("cnf", Reason.BOUND, {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}, {"x5t#S256": "bwcK"}, {}),
    *((name, "x", Reason.CLAIM) for name in ("Aud", "AUD", "\u017fub", "sub\x00", " iss", "Scope", "CNF", "Typ")),
]


@pytest.mark.requirement("RFC6750-5.3-short-life", "RFC8725-3.8-subject", "RFC8725-3.9-audience", "RFC9068-4-issuer")
@pytest.mark.requirement("RFC9068-4-audience", "RFC9068-4-expiry", "RFC9700-2.2.1-no-downgrade")
@pytest.mark.requirement("RFC9700-2.3-audience-checked", "MCP26-AUTH-07", "MCP25-AUTH-07")
@pytest.mark.parametrize(("claim", "value", "reason"), WRONG, ids=lambda value: repr(value)[:40])
async def test_a_wrong_claim_refuses_a_validly_signed_token(
    tokens: TokenFactory, refused: Refused, claim: str, value: Any, reason: Reason
) -> None:
    assert await refused(tokens.token(**{claim: value})) is reason


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf", "iss", "aud", "sub", "typ", "cnf", "scope", "realm_access"])
async def test_null_is_a_wrong_value_and_not_an_absent_claim(
    tokens: TokenFactory, refused: Refused, claim: str
) -> None:
    # Built as bytes: the factory takes None for "leave it out".
    claims = {**tokens.claims(), claim: None}
    header = {"alg": "RS256", "typ": "JWT", "kid": tokens.kid()}
    await refused(tokens.sign(header, claims))


async def test_a_client_that_acts_for_itself_is_told_from_a_person(
    tokens: TokenFactory, accepted: Accepted, refused: Refused
) -> None:
    service = await accepted(tokens.token(azp="report-service", gatelodge_service="report-service"))
    assert (service.service, service.client_id) == (True, "report-service")
    assert (await accepted(tokens.token(azp="report-service", client_id="report-service"))).service is False
    for claims in ({"gatelodge_service": "other"}, {"azp": ABSENT, "gatelodge_service": "report-service"}):
        assert await refused(tokens.token(**{"azp": "report-service", **claims})) is Reason.CLAIM


@pytest.mark.parametrize("claim", ["azp", "client_id", "preferred_username", "gatelodge_service"])
def test_null_is_no_name(tokens: TokenFactory, config: ResourceServerConfig, claim: str) -> None:
    with pytest.raises(TokenRejected):
        principal_of({**tokens.claims(), claim: None}, "jwt", config, NOW)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
def test_a_time_that_is_no_finite_number_is_refused_even_past_the_parser(
    tokens: TokenFactory, config: ResourceServerConfig, claim: str, value: float
) -> None:
    with pytest.raises(TokenRejected):
        principal_of(tokens.claims(**{claim: value}), "jwt", config, NOW)


FOREIGN: dict[str, dict[str, Any]] = {
    "ID token": {"typ": "ID", "aud": "client-1", "nonce": "n", "at_hash": "h"},
    "ID token with our audience": {"typ": "ID", "nonce": "n", "at_hash": "h"},
    "refresh token": {"typ": "Refresh", "aud": ISSUER, "nonce": "n"},
    "offline token": {"typ": "Offline", "aud": ISSUER},
    "logout token": {"typ": "Logout", "events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    "userinfo answer": {"typ": ABSENT, "aud": "client-1", "exp": ABSENT, "iat": ABSENT},
    "client assertion": {"typ": ABSENT, "iss": "client-1", "sub": "client-1", "aud": ISSUER},
    "registration token": {"typ": "RegistrationAccessToken", "aud": ISSUER},
    "no MCP scope asked": {"aud": ABSENT},
    "another server's token": {"aud": "https://mcp.example/toolbox/mcp"},
    "DPoP-bound token": {"typ": "DPoP", "cnf": {"jkt": "x"}},
    "service account that is its own subject": {"sub": "client-1", "azp": "client-1"},
}


@pytest.mark.requirement("RFC8725-3.12-exclusive", "RFC9700-2.2.1-no-downgrade", "RFC9700-4.15-client-no-user")
@pytest.mark.parametrize("claims", FOREIGN.values(), ids=FOREIGN.keys())
async def test_another_token_of_the_same_realm_is_no_access_token_here(
    tokens: TokenFactory, refused: Refused, claims: dict[str, Any]
) -> None:
    await refused(tokens.token(**claims))


async def test_an_rfc_9068_token_needs_no_keycloak_type_but_a_plain_jwt_does(
    tokens: TokenFactory, accepted: Accepted, refused: Refused
) -> None:
    assert (await accepted(tokens.token(header={"typ": "at+jwt"}, typ=ABSENT))).issuer == ISSUER
    assert await refused(tokens.token(header={"typ": "at+jwt"}, typ="ID")) is Reason.TYPE
    assert await refused(tokens.token(header={"typ": "JWT"}, typ=ABSENT)) is Reason.TYPE


async def test_scopes_are_exact_names(tokens: TokenFactory, accepted: Accepted) -> None:
    principal = await accepted(tokens.token(scope="a,b Notes:Read notes:readx *", scp="notes:read"))
    assert principal.scopes == {"a,b", "Notes:Read", "notes:readx", "*"}


async def test_roles_of_other_clients_give_nothing(tokens: TokenFactory, accepted: Accepted) -> None:
    principal = await accepted(
        tokens.token(resource_access={"realm-management": {"roles": ["admin"]}}, roles=["admin"])
    )
    assert principal.roles == frozenset()


async def test_the_identity_is_the_subject_whatever_name_the_token_has(
    tokens: TokenFactory, accepted: Accepted
) -> None:
    principal = await accepted(tokens.token(sub="user-1", preferred_username="user-2"))
    assert (principal.issuer, principal.subject) == (ISSUER, "user-1")


@pytest.mark.requirement("RFC9068-4-expiry")
async def test_a_token_ends_with_its_life_and_the_leeway(
    tokens: TokenFactory, accepted: Accepted, refused: Refused, clock: ManualClock
) -> None:
    token = tokens.token(exp=NOW + 320)
    clock.advance(329)
    await accepted(token)
    clock.advance(1)
    assert await refused(token) is Reason.EXPIRED


@pytest.mark.requirement("RFC6750-5.3-short-life")
def test_a_shorter_maximum_life_is_kept(tokens: TokenFactory, config: ResourceServerConfig) -> None:
    strict = replace(config, max_life=300.0)
    assert principal_of(tokens.claims(exp=NOW + 300), "jwt", strict, NOW)
    with pytest.raises(TokenRejected, match="within 300 s"):
        principal_of(tokens.claims(exp=NOW + 301), "jwt", strict, NOW)


def test_the_missing_audience_tells_the_operator_what_to_look_at(
    tokens: TokenFactory, config: ResourceServerConfig
) -> None:
    with pytest.raises(TokenRejected, match=RESOURCE) as caught:
        principal_of(tokens.claims(aud="account"), "jwt", config, NOW)
    assert "audience mapper" in caught.value.hint
    assert "account" not in caught.value.detail

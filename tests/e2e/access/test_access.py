"""Cloudflare Access as identity, shown on a protected server: who gets in, and every way that must not lead in.

The team is oauth2-mock-server (``access_team``); the keys come over HTTP, the clock is the machine's.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from access_attacks import ADDRESSES, ATTACKS
from access_team import AUD, PERSON, AccessTeam, TeamWire, access_team
from fastmcp import FastMCP
from lifespan import alive
from protected import ISSUER, PUBLIC_URL, Served, private_server, result_of

from gatelodge import protect, requires
from gatelodge.core.clock import SystemClock
from gatelodge.outbound.client import Outbound
from gatelodge.settings.server import ServerSettings
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

TEAM = "https://example.cloudflareaccess.com"
ASSERTION = "Cf-Access-Jwt-Assertion"
SCOPES = "*@example.com=notes:read, boss@example.com=notes:read notes:write, group:Editors=notes:write"
# What else could be taken for the sign of a person.
SPOOFED = {
    "Cf-Access-Authenticated-User-Email": "boss@example.com",
    "Cookie": "CF_Authorization={token}",
    "Authorization": "Bearer {token}",
    "Cf-Access-Token": "{token}",
}


@pytest.fixture(scope="module")
def team() -> Iterator[AccessTeam]:
    with access_team(TEAM) as running:
        yield running


@asynccontextmanager
async def served(
    team: AccessTeam, folder: Path, mode: str = "cloudflare", *, mcp: FastMCP[Any] | None = None, **more: Any
) -> AsyncIterator[Served]:
    """A server in a mode, private unless given; Keycloak is a fake issuer, which is there for mode both only."""
    clock = SystemClock()
    tokens = TokenFactory(ISSUER, PUBLIC_URL, clock)
    issuer = FakeIssuer(tokens, scopes=("notes:read", "notes:write"))
    settings = ServerSettings(
        **{
            "auth_mode": mode,
            "public_url": PUBLIC_URL,
            "issuer": ISSUER,
            "state_dir": folder,
            "access_team_domain": "example.cloudflareaccess.com",
            "access_aud": AUD,
            "access_scopes": SCOPES,
            **more,
        }
    )
    outbound = Outbound(transport=TeamWire(team, httpx2.ASGITransport(app=issuer)))
    app = protect(mcp or private_server(), settings, outbound=outbound, clock=clock)
    async with (
        alive(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://localhost:8443") as http,
    ):
        yield Served(http, tokens, issuer, ManualClock())


async def call(server: Served, assertion: str | None, tool: str = "read", **headers: str) -> httpx2.Response:
    sent = {**({} if assertion is None else {ASSERTION: assertion}), **headers}
    return await server.rpc("tools/call", {"name": tool, "arguments": {}}, sent)


async def test_a_person_of_access_calls_what_the_operator_gave_them(team: AccessTeam, tmp_path: Path) -> None:
    async with served(team, tmp_path) as server:
        answer = result_of(await call(server, team.assertion()))
        assert answer["result"]["content"][0]["text"] == PERSON
        # Nobody can be asked for more scopes, so there is no challenge that sends a client round in circles.
        refused = await call(server, team.assertion(), "write")
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_not_given")
        assert "www-authenticate" not in refused.headers
        assert (await call(server, team.assertion("boss@example.com"), "write")).status_code == 200


async def test_a_group_of_the_assertion_gives_scopes(team: AccessTeam, tmp_path: Path) -> None:
    async with served(team, tmp_path) as server:
        assert (await call(server, team.assertion(custom={"groups": ["Editors"]}), "write")).status_code == 200
        assert (await call(server, team.assertion(groups=["Editors"]), "write")).status_code == 200
        assert (await call(server, team.assertion(custom={"groups": ["editors"]}), "write")).status_code == 403


async def test_what_access_did_not_sign_for_this_server_is_one_401(team: AccessTeam, tmp_path: Path) -> None:
    answers = {}
    async with served(team, tmp_path) as server:
        for attack, forge in ATTACKS.items():
            sent = [(ASSERTION.encode(), forge(team).encode("latin-1"))]
            refused = await server.http.post("/mcp", headers=sent, content=b"{}")
            challenged = 'error="invalid_token"' in refused.headers.get("www-authenticate", "")
            answers[attack] = (refused.status_code, challenged)
        # The same server, so that what is refused is the assertion and nothing else.
        assert (await call(server, team.assertion())).status_code == 200
    assert answers == dict.fromkeys(ATTACKS, (401, True))


async def test_two_assertions_are_refused_and_not_chosen_from(team: AccessTeam, tmp_path: Path) -> None:
    async with served(team, tmp_path) as server:
        both = [(ASSERTION, team.assertion()), (ASSERTION, team.assertion())]
        assert (await server.http.post("/mcp", headers=both, content=b"{}")).status_code == 401


async def test_only_the_assertion_header_says_who_calls(team: AccessTeam, tmp_path: Path) -> None:
    good = team.assertion("boss@example.com")
    async with served(team, tmp_path) as server:
        for name, value in SPOOFED.items():
            headers = {name: value.replace("{token}", good)}
            assert (await call(server, None, "write", **headers)).status_code == 401
            # Beside an assertion they change nothing: alice stays alice.
            assert (await call(server, team.assertion(), "write", **headers)).status_code == 403
        assert (await call(server, good, "write")).status_code == 200


async def test_an_address_that_is_not_exactly_the_rules_has_not_its_scopes(team: AccessTeam, tmp_path: Path) -> None:
    async with served(team, tmp_path) as server:
        statuses = {email: (await call(server, team.assertion(email), "write")).status_code for email in ADDRESSES}
        assert statuses == dict.fromkeys(ADDRESSES, 403)
        assert (await call(server, team.assertion("boss@example.com"), "write")).status_code == 200


async def test_a_service_token_is_nobody_to_a_tool_for_people(team: AccessTeam, tmp_path: Path) -> None:
    async with served(team, tmp_path, access_scopes=f"{SCOPES}, group:all=notes:read") as server:
        answer = await call(server, team.service_assertion(groups=["all"]))
        assert "Unknown tool" in answer.text
        assert "Unknown tool" not in (await call(server, team.assertion())).text
        listed = result_of(await server.rpc("tools/list", {}, {ASSERTION: team.service_assertion()}))
        assert listed["result"]["tools"] == []


async def test_no_rule_means_no_scope(team: AccessTeam, tmp_path: Path) -> None:
    async with served(team, tmp_path, access_scopes="") as server:
        assert (await call(server, team.assertion())).status_code == 403


async def test_keys_are_followed_through_a_rotation(team: AccessTeam, tmp_path: Path) -> None:
    async with served(team, tmp_path) as server:
        before = team.assertion()
        assert (await call(server, before)).status_code == 200
        kid = team.rotate()
        # A key nobody here has seen: one fetch finds it, and the key before still counts.
        assert (await call(server, team.assertion(kid=kid))).status_code == 200
        assert (await call(server, before)).status_code == 200
        fetched = team.fetches()
        for number in range(20):
            unknown = team.assertion(header={"kid": f"made-up-{number}"})
            assert (await call(server, unknown)).status_code == 401
        assert team.fetches() - fetched <= 1


async def test_an_outage_of_the_keys_refuses_nobody_whom_known_keys_vouch_for(team: AccessTeam, tmp_path: Path) -> None:
    async with served(team, tmp_path / "a") as server:
        assert (await call(server, team.assertion())).status_code == 200
        team.outage(True)
        try:
            assert (await call(server, team.assertion("boss@example.com"))).status_code == 200
            async with served(team, tmp_path / "b") as fresh:
                unknown = await call(fresh, team.assertion())
                assert (unknown.status_code, "retry-after" in unknown.headers) == (503, True)
        finally:
            team.outage(False)


async def test_an_assertion_is_nothing_in_mode_keycloak(team: AccessTeam, tmp_path: Path) -> None:
    async with served(team, tmp_path, "keycloak") as server:
        fetched = team.fetches()
        assert (await call(server, team.assertion())).status_code == 401
        assert (await call(server, None, **server.bearer("notes:read"))).status_code == 200
        assert team.fetches() == fetched


async def test_an_access_token_of_keycloak_is_nothing_in_mode_cloudflare(team: AccessTeam, tmp_path: Path) -> None:
    async with served(team, tmp_path) as server:
        assert (await call(server, None, **server.bearer("notes:read"))).status_code == 401
        in_place = server.bearer("notes:read")["authorization"].removeprefix("Bearer ")
        assert (await call(server, in_place)).status_code == 401
        assert (server.issuer.keys_fetches, server.issuer.metadata_fetches) == (0, 0)


async def test_in_mode_both_each_counts_by_its_own_rules(team: AccessTeam, tmp_path: Path) -> None:
    async with served(team, tmp_path, "both") as server:
        assert (await call(server, None, "write", **server.bearer("notes:write"))).status_code == 200
        assert (await call(server, team.assertion("boss@example.com"), "write")).status_code == 200
        assert (await call(server, None)).status_code == 401
        # Neither issuer's keys vouch for the other's kind of token.
        swapped = server.bearer("notes:read")["authorization"].removeprefix("Bearer ")
        assert (await call(server, swapped)).status_code == 401
        assert (await call(server, None, authorization=f"Bearer {team.assertion()}")).status_code == 401


async def test_in_mode_both_a_token_decides_alone_beside_an_assertion(team: AccessTeam, tmp_path: Path) -> None:
    boss = team.assertion("boss@example.com")
    async with served(team, tmp_path, "both") as server:
        # The browser's session may write, the client's token may only read: the client may only read.
        lesser = await call(server, boss, "write", **server.bearer("notes:read"))
        assert (lesser.status_code, lesser.json()["error"]) == (403, "insufficient_scope")
        # A refused token is not made good by a session.
        for spoiled in ("Bearer nonsense", server.bearer("notes:read", exp=1)["authorization"]):
            assert (await call(server, boss, authorization=spoiled)).status_code == 401
        # And what is in the assertion's place does not matter beside a good token.
        assert (await call(server, "nonsense", **server.bearer("notes:read"))).status_code == 200


async def test_user_rules_never_take_an_address_for_a_user_name_of_keycloak(team: AccessTeam, tmp_path: Path) -> None:
    mcp: FastMCP[Any] = FastMCP("named")

    @mcp.tool
    @requires(users=["user:boss@example.com"])
    async def mine() -> str:
        return "mine"

    boss = team.assertion("boss@example.com")
    async with served(team, tmp_path / "both", "both", mcp=mcp) as server:
        assert "Unknown tool" in (await call(server, boss, "mine")).text
        assert (
            await call(server, None, "mine", **server.bearer(preferred_username="boss@example.com"))
        ).status_code == 200
    # Without Keycloak the address is the only user name there is.
    async with served(team, tmp_path / "one", mcp=mcp) as server:
        assert "Unknown tool" not in (await call(server, boss, "mine")).text
        assert "Unknown tool" in (await call(server, team.assertion(), "mine")).text


async def test_metadata_leads_no_client_to_an_issuer_that_gives_it_nothing(team: AccessTeam, tmp_path: Path) -> None:
    async with served(team, tmp_path) as server:
        document = (await server.http.get("/.well-known/oauth-protected-resource/mcp")).json()
        assert document == {"resource": PUBLIC_URL, "resource_name": "private"}
        assert (await server.http.get("/.well-known/oauth-authorization-server")).status_code == 404
        stranger = await call(server, None)
        assert stranger.status_code == 401
        assert "scope=" not in stranger.headers["www-authenticate"]
        assert (await server.http.get("/health/ready")).status_code == 200

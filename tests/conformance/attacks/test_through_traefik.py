"""The catalogue against the running stack, as a black box: through Traefik, TLS and uvicorn, with Keycloak's own tokens.

No key of the real issuer is to be had, so the tables A to C come under strangers' keys with the ids and issuer of the
real one, the good requests among them: all must be refused. How a token is carried (D) is tried on a real token.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from native_stack import READ, WRITE, Stack
from results import record
from wire import LEGACY, MODERN, tls_client

from conformance.attacks.controls import carried_well, controls
from conformance.attacks.in_process import Report, request_for
from conformance.attacks.judge import complaint, constant_part
from conformance.attacks.model import Attack, Expect, bearer
from conformance.attacks.table_a import table_a
from conformance.attacks.table_b import table_b
from conformance.attacks.table_c import table_c
from conformance.attacks.table_d import carrying
from conformance.attacks.world import World, make_world
from gatelodge.core.clock import SystemClock
from gatelodge.ops.link.obtain import obtain_tokens
from gatelodge.testing.tokens import make_key

pytestmark = pytest.mark.stack

COMMAND = ".venv/bin/pytest tests/conformance/attacks/test_through_traefik.py"
# Longer headers Traefik may answer itself, before our server sees them (RFC 6585, section 5).
LONG = 16_384


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    async with tls_client(stack.ca_file) as client:
        yield client


@pytest.fixture
async def token(stack: Stack) -> AsyncIterator[str]:
    """A token of the real issuer for reading."""
    obtained = await obtain_tokens(stack.target(), scopes=(READ,))
    yield obtained.tokens.access_token
    stack.admin.delete_client(obtained.client.client_id)


async def foreign_world(stack: Stack, http: httpx2.AsyncClient) -> World:
    """A world that names the real issuer, server and key ids, and has none of the keys."""
    world = make_world(stack.issuer, stack.mcp_url, SystemClock())
    keys = (await http.get(f"{stack.issuer}/protocol/openid-connect/certs")).json()["keys"]
    for published in keys:
        if published["use"] == "sig":
            # The factory chooses its own ids; a forger takes the published ones.
            world.tokens._signing[published["alg"]] = make_key(published["alg"], kid=published["kid"])
    return world


async def run(http: httpx2.AsyncClient, url: str, attacks: Iterable[Attack]) -> tuple[Report, list[str]]:
    """Send each attack; names of those that HTTP itself cannot carry come back beside the report."""
    report, unsendable = Report(), []
    for attack in attacks:
        try:
            response = await http.send(request_for(attack, url))
        except httpx2.LocalProtocolError:
            unsendable.append(attack.label)
            continue
        report.tried += 1
        long = sum(len(value) for _, value in attack.headers) > LONG
        # 502 is Traefik's own: the server refuses and closes before the end of such a header, and its refusal may be lost
        # in the reset of what is still on its way.
        if long and response.status_code in {400, 431, 502}:
            continue
        wrong = complaint(attack, response, url)
        if wrong is not None:
            report.complaints.append(f"{attack.label}: {wrong}")
        elif attack.expect is not Expect.OK:
            same = report.answers.setdefault((attack.expect, ()), set())
            same.add((constant_part(response), response.headers["www-authenticate"]))
    return report, unsendable


@pytest.mark.requirement("MCP26-AUTH-06")
async def test_every_forgery_is_refused_with_one_constant_answer(stack: Stack, http: httpx2.AsyncClient) -> None:
    world = await foreign_world(stack, http)
    made = [*table_a(world), *table_b(world), *table_c(world), *controls(world)]
    attacks = [
        replace(attack, expect=Expect.E400 if attack.expect is Expect.E400 else Expect.E401, scopes=())
        for attack in made
        if attack.row != "D06"
    ]
    report, unsendable = await run(http, stack.mcp_url, attacks)
    assert report.complaints == []
    assert report.tried >= 413
    assert all(len(answers) == 1 for answers in report.answers.values())
    # A control character ends a header: these exist in process only.
    assert {label[:3] for label in unsendable} <= {"B01"}
    record(
        1,
        "forgeries through Traefik",
        tried=report.tried,
        passed=report.passed,
        command=COMMAND,
        negative_control="the real issuer's tokens are served by the same requests",
        not_sendable=unsendable,
    )


@pytest.mark.requirement("MCP26-AUTH-09", "RFC9700-4.3.2-no-query")
async def test_a_real_token_carried_in_another_way_is_refused(
    stack: Stack, http: httpx2.AsyncClient, token: str
) -> None:
    report, unsendable = await run(http, stack.mcp_url, carrying(token))
    assert report.complaints == []
    assert unsendable == []
    record(
        1,
        "carrying attacks through Traefik",
        tried=report.tried,
        passed=report.passed,
        command=COMMAND,
        negative_control="the same token in one header is served",
    )


async def test_real_tokens_are_served(stack: Stack, http: httpx2.AsyncClient) -> None:
    good: list[Attack] = []
    for user in (0, 1):
        for scopes in ((READ,), (READ, WRITE), ("openid", READ, "offline_access")):
            obtained = await obtain_tokens(stack.target(user=user), scopes=scopes)
            stack.admin.delete_client(obtained.client.client_id)
            good += _calls(obtained.tokens.access_token, f"user {user}, {' '.join(scopes)}")
    good += carried_well(obtained.tokens.access_token)
    report, _ = await run(http, stack.mcp_url, good)
    assert report.complaints == []
    record(
        2,
        "good requests through Traefik",
        tried=report.tried,
        passed=report.passed,
        command=COMMAND,
        negative_control="the same requests under a stranger's key are refused",
    )


def _calls(token: str, who: str) -> list[Attack]:
    search: dict[str, Any] = {"name": "search", "arguments": {"query": "gatelodge"}}
    methods: tuple[tuple[str, dict[str, Any]], ...] = (("tools/list", {}), ("tools/call", search))
    return [
        Attack("D", f"{method}, {era}, {who}", Expect.OK, bearer(token), method=method, params=params, era=era)
        for method, params in methods
        for era in (MODERN, LEGACY)
    ]

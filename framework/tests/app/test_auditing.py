"""Every decision at the gate is in the trail: who, which tool, which rule; a write before it runs, a flood by number."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from databases import migrated_config, postgres
from fastmcp import FastMCP
from protected import ISSUER, PUBLIC_URL, Serve, Served, mixed_server, private_server

from gatelodge import protect, requires
from gatelodge.audit.actor import of_user
from gatelodge.audit.chain import Recorded
from gatelodge.audit.finding import Filter, search
from gatelodge.audit.verdict import verify
from gatelodge.settings.load import SettingsInvalid
from gatelodge.settings.server import ServerSettings
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database

__all__ = ["migrated_config", "postgres"]

Audited = Callable[..., Awaitable[Served]]


@pytest.fixture
async def trail(migrated_config: DatabaseConfig) -> AsyncIterator[Database]:
    """The database that the server records into, opened a second time."""
    database = await open_database(migrated_config)
    yield database
    await database.aclose()


@pytest.fixture
def audited(serve: Serve, migrated_config: DatabaseConfig, monkeypatch: pytest.MonkeyPatch) -> Audited:
    """A function that serves with the trail on."""
    monkeypatch.setenv("GATELODGE_DATABASE_URL", migrated_config.dsn)

    async def start(mcp: FastMCP[Any], **settings: Any) -> Served:
        return await serve(mcp, audit="on", **settings)

    return start


async def recorded(trail: Database, number: int, kind: str | None = None) -> list[Recorded]:
    """So many events, once they are there."""
    wanted = Filter(kinds=None if kind is None else [kind])
    for _ in range(2000):
        found = [one async for one in search(trail, wanted)]
        if len(found) >= number:
            assert (await verify(trail)).whole
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"not {number} events of the kind {kind} within 20 seconds")


async def call(served: Served, tool: str, *scopes: str, **headers: str) -> httpx2.Response:
    return await served.rpc("tools/call", {"name": tool, "arguments": {}}, {**served.bearer(*scopes), **headers})


async def test_a_call_is_recorded_with_who_and_by_which_rule(audited: Audited, trail: Database) -> None:
    served = await audited(private_server())
    answer = await call(served, "write", "notes:write")
    assert answer.status_code == 200, answer.text
    token, event = [one.event for one in await recorded(trail, 2)]
    assert {token.kind, event.kind} == {"token.use", "tool.call"}
    event = (await recorded(trail, 1, "tool.call"))[0].event
    subject = served.tokens.claims()["sub"]
    assert (event.actor, event.outcome, event.rule) == (of_user(ISSUER, subject), "ok", "granted")
    assert event.subject["tool"] == "write"
    assert subject not in str(event)


async def test_a_writing_tool_is_durable_before_it_runs(audited: Audited, trail: Database) -> None:
    seen: list[str] = []
    mcp: FastMCP[Any] = FastMCP("order")

    @mcp.tool
    @requires("notes:write")
    async def write() -> str:
        seen.extend([one.event.kind async for one in search(trail, Filter(kinds=["tool.call"]))])
        return "written"

    assert (await call(await audited(mcp), "write", "notes:write")).status_code == 200
    assert seen == ["tool.call"]


async def test_a_reading_tool_waits_for_no_disk(audited: Audited, trail: Database) -> None:
    """A lock on the trail holds writers up and readers not."""
    mcp: FastMCP[Any] = FastMCP("reading")

    @mcp.tool(annotations={"readOnlyHint": True})
    @requires("notes:read")
    async def read() -> str:
        return "read"

    served = await audited(mcp)
    async with trail.transaction() as held:
        await held.execute("UPDATE audit_head SET seq = seq WHERE id = 1")
        async with asyncio.timeout(60):
            assert (await call(served, "read", "notes:read")).status_code == 200
    assert (await recorded(trail, 1, "tool.call"))[0].event.subject["tool"] == "read"


async def test_what_cannot_be_recorded_does_not_run(
    audited: Audited, trail: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []
    mcp: FastMCP[Any] = FastMCP("refusing")

    @mcp.tool
    @requires("notes:write")
    async def write() -> str:
        ran.append(1)
        return "written"

    served = await audited(mcp)
    await recorded(trail, 0)
    async with trail.transaction() as transaction:
        await transaction.execute("ALTER TABLE audit_head RENAME TO gone")
    try:
        assert (await call(served, "write", "notes:write")).status_code == 503
    finally:
        async with trail.transaction() as transaction:
            await transaction.execute("ALTER TABLE gone RENAME TO audit_head")
    assert ran == []
    assert (await call(served, "write", "notes:write")).status_code == 200
    assert ran == [1]


async def test_a_call_that_a_limit_refuses_is_not_recorded_as_one_that_was_made(
    audited: Audited, trail: Database
) -> None:
    served = await audited(private_server(), limit_calls="2/minute")
    answers = [await call(served, "write", "notes:write") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 2 + [429] * 4
    (limit,) = await recorded(trail, 1, "request.refuse")
    assert (limit.event.outcome, limit.event.rule) == ("refused", "limit:calls")
    assert len(await recorded(trail, 2, "tool.call")) == 2


async def test_refusals_name_their_rule(audited: Audited, trail: Database) -> None:
    served = await audited(private_server())
    assert (await call(served, "write", "notes:read")).status_code == 403
    await call(served, "purge", "notes:read")
    await call(served, "no-such-tool", "notes:read")
    events = [one.event for one in await recorded(trail, 3, "tool.call")]
    assert [(e.outcome, e.rule, e.subject.get("tool")) for e in events] == [
        ("refused", "step_up:scopes", "write"),
        ("refused", "deny:roles", "purge"),
        ("refused", "unknown", None),
    ]


async def test_a_refused_token_and_a_foreign_origin_are_recorded_by_address(audited: Audited, trail: Database) -> None:
    served = await audited(private_server())
    forged = {"authorization": served.bearer("notes:read")["authorization"][:-8] + "AAAAAAAA"}
    unauthorized = await served.rpc("tools/list", headers=forged)
    assert unauthorized.status_code == 401
    assert (await served.rpc("tools/list", headers={"origin": "https://evil.example"})).status_code == 403
    (token,) = await recorded(trail, 1, "token.refuse")
    (origin,) = await recorded(trail, 1, "request.refuse")
    assert token.event.rule == "signature"
    assert token.event.request_id == unauthorized.headers["x-request-id"]
    assert origin.event.rule == "origin"
    assert token.event.actor == origin.event.actor
    assert token.event.actor.startswith("address:")
    assert "127.0.0.1" not in str(token)


async def test_a_flood_of_refusals_is_a_number(audited: Audited, trail: Database) -> None:
    served = await audited(private_server())
    for _ in range(50):
        assert (await served.rpc("tools/list", headers={"authorization": "Bearer no-token"})).status_code == 401
    assert len(await recorded(trail, 1, "token.refuse")) == 1


async def test_a_stop_leaves_the_numbers_behind(
    serve: Serve, migrated_config: DatabaseConfig, trail: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from lifespan import alive

    from gatelodge.testing.clock import ManualClock
    from gatelodge.testing.issuer import FakeIssuer
    from gatelodge.testing.tokens import TokenFactory

    monkeypatch.setenv("GATELODGE_DATABASE_URL", migrated_config.dsn)
    clock = ManualClock()
    tokens = TokenFactory(ISSUER, PUBLIC_URL, clock)
    settings = ServerSettings(public_url=PUBLIC_URL, issuer=ISSUER, state_dir=tmp_path, audit="on")
    issuer = FakeIssuer(tokens)
    app = protect(mixed_server(), settings, outbound=issuer.outbound(), clock=clock)
    transport = httpx2.ASGITransport(app=app)
    async with alive(app), httpx2.AsyncClient(transport=transport, base_url="https://localhost:8443") as http:
        served = Served(http, tokens, issuer, clock)
        for _ in range(5):
            await served.rpc("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
            await served.rpc("tools/list", headers={"authorization": "Bearer no-token"})
    found = [one.event for one in await recorded(trail, 2, "token.refuse")]
    assert [event.subject.get("more") for event in found] == [None, 4]
    # Nobody signed in, and the tool does not say that it only reads: each call is an event.
    assert len(await recorded(trail, 5, "tool.call")) == 5


async def test_prompts_and_resources_are_recorded_without_what_could_be_secret(
    audited: Audited, trail: Database
) -> None:
    served = await audited(private_server())
    read = served.bearer("notes:read")
    await served.rpc("prompts/get", {"name": "summary"}, read)
    await served.rpc("resources/read", {"uri": "notes://all"}, {**read, "mcp-name": "notes://all"})
    (prompt,) = await recorded(trail, 1, "prompt.get")
    (resource,) = await recorded(trail, 1, "resource.read")
    assert prompt.event.subject["prompt"] == "summary"
    assert resource.event.subject["resource"] == "notes://all"


async def test_without_a_database_nothing_is_recorded(serve: Serve, tmp_path: Path) -> None:
    """``auto`` on a server without linked accounts."""
    served = await serve(private_server())
    assert (await call(served, "write", "notes:write")).status_code == 200
    assert not (tmp_path / "database").exists()
    assert not (tmp_path / "audit.key").exists()


def test_without_the_extra_the_setting_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sqlalchemy", None)
    settings = ServerSettings(public_url=PUBLIC_URL, issuer=ISSUER, state_dir=tmp_path, audit="on")
    with pytest.raises(SettingsInvalid, match="GATELODGE_AUDIT is on, and 'sqlalchemy' is not installed") as caught:
        protect(private_server(), settings)
    assert "gatelodge[connections]" in str(caught.value.hint)

"""Limits, figures, lines, capacity and the audit trail of a plain application behind ``auth_middleware``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from plain_app import plain_app
from plain_world import World, running
from protected import ISSUER
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from gatelodge import public, requires
from gatelodge.audit.actor import of_user
from gatelodge.audit.chain import Recorded
from gatelodge.audit.finding import Filter, search
from gatelodge.audit.verdict import verify
from gatelodge.observability.logs import CLEAN
from gatelodge.observability.metrics import REGISTRY
from gatelodge.storage.config import DatabaseConfig, default_url
from gatelodge.storage.database import Database, open_database
from gatelodge.testing.clock import ManualClock

PROBLEM = "application/problem+json"


def figure(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"gatelodge_{name}", labels) or 0.0


async def test_every_answer_has_its_id_its_figures_and_its_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    was = {status: figure("http_requests_total", route="application", method="GET", status=status) for status in _SEEN}
    verdicts = {name: figure("token_verdicts_total", verdict=name) for name in ("absent", "accepted", "audience")}
    granted = figure("access_decisions_total", answer="allow", rule="granted")
    messages = figure("mcp_requests_total", method="other", status="200")
    with caplog.at_level("INFO", "gatelodge.access"):
        async with running(world.wrapped(plain_app())) as http:
            answers = [
                await http.get("/whoami?code=secret", headers=headers)
                for headers in (
                    {"x-request-id": "chosen-0001"},
                    world.bearer(sub="alice"),
                    world.bearer(aud="https://other.example.com"),
                )
            ]
            answers.append(await http.get("/whoami", headers={"host": "evil.example"}))
            answers.append(await http.get("/health/live"))
    assert [answer.status_code for answer in answers] == [401, 200, 401, 421, 200]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert (ids[0], len(set(ids))) == ("chosen-0001", 5)
    assert answers[0].json()["request_id"] == "chosen-0001"
    grown = {
        status: figure("http_requests_total", route="application", method="GET", status=status) - was[status]
        for status in _SEEN
    }
    assert grown == {"200": 1, "401": 2, "421": 1}
    assert {name: figure("token_verdicts_total", verdict=name) - before for name, before in verdicts.items()} == {
        "absent": 1,
        "accepted": 1,
        "audience": 1,
    }
    assert figure("access_decisions_total", answer="allow", rule="granted") == granted + 1
    # It is no JSON-RPC message, and is not counted as one.
    assert figure("mcp_requests_total", method="other", status="200") == messages
    lines = [record.__dict__[CLEAN] for record in caplog.records if record.name == "gatelodge.access"]
    assert [(line["route"], line["path"], line["status"]) for line in lines] == [
        ("application", "/whoami", 401),
        ("application", "/whoami", 200),
        ("application", "/whoami", 401),
        ("application", "/whoami", 421),
    ]
    assert not any("mcp" in line for line in lines)


_SEEN = ("200", "401", "421")


async def test_a_user_has_so_many_calls_a_minute_and_the_refusal_says_when_to_come_back(tmp_path: Path) -> None:
    clock = ManualClock()
    world = World(tmp_path, clock, limit_calls="2/minute", limit_anonymous_calls="1/minute")
    async with running(world.wrapped(plain_app())) as http:
        alice, bob = world.bearer(sub="alice"), world.bearer(sub="bob")
        assert [(await http.get("/whoami", headers=alice)).status_code for _ in range(2)] == [200, 200]
        # What a rule refuses is no call.
        assert (await http.post("/notes", headers=bob)).status_code == 403
        clock.advance(15)
        refused = await http.get("/whoami", headers=alice)
        assert (refused.status_code, refused.headers["content-type"]) == (429, PROBLEM)
        assert refused.headers["retry-after"] == "45"
        assert refused.headers["ratelimit-policy"] == '"calls";q=2;w=60'
        assert refused.headers["ratelimit"] == '"calls";r=0;t=45'
        told = refused.json()
        assert (told["code"], told["status"], told["request_id"]) == (
            "limit_reached",
            429,
            refused.headers["x-request-id"],
        )
        assert "www-authenticate" not in refused.headers
        head = await http.head("/whoami", headers=alice)
        assert (head.status_code, head.content) == (429, b"")
        assert [(await http.get("/whoami", headers=bob)).status_code for _ in range(2)] == [200, 200]
        # Strangers at a public endpoint count by address, and a user there as himself.
        assert [(await http.get("/about")).status_code for _ in range(2)] == [200, 429]
        assert (await http.get("/health/live")).status_code == 200
        clock.advance(60)
        assert (await http.get("/whoami", headers=alice)).status_code == 200


async def test_after_too_many_bad_tokens_of_an_address_the_next_is_429_and_good_ones_pass(tmp_path: Path) -> None:
    clock = ManualClock()
    world = World(tmp_path, clock, limit_token_failures="3/minute")
    async with running(world.wrapped(plain_app())) as http:
        good, old = world.bearer(), world.bearer(exp=int(clock.now()) - 3000, iat=int(clock.now()) - 3300)
        bad = [{"authorization": f"Bearer x{number}"} for number in range(5)]
        refused = [await http.get("/whoami", headers=one) for one in bad]
        assert [answer.status_code for answer in refused] == [401, 401, 401, 429, 429]
        assert (refused[-1].headers["content-type"], refused[-1].headers["retry-after"]) == (PROBLEM, "60")
        assert (await http.get("/whoami", headers=good)).status_code == 200
        assert (await http.get("/whoami", headers=old)).status_code == 401
        clock.advance(60)
        assert (await http.get("/whoami", headers=bad[0])).status_code == 401


async def test_what_is_more_than_the_process_can_do_is_503_at_once_and_health_is_served(tmp_path: Path) -> None:
    began, go = asyncio.Event(), asyncio.Event()

    @public
    async def slow(_: Request) -> Response:
        began.set()
        await go.wait()
        return PlainTextResponse("done")

    world = World(tmp_path, limit_requests=1, limit_waiting=0)
    async with running(world.wrapped(Starlette(routes=[Route("/slow", slow)]))) as http:
        first = asyncio.create_task(http.get("/slow"))
        await asyncio.wait_for(began.wait(), 60)
        refused = await http.get("/slow")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert (refused.json()["code"], refused.headers["content-type"]) == ("overloaded", PROBLEM)
        assert "x-request-id" in refused.headers
        assert (await http.get("/health/ready")).status_code == 200
        go.set()
        assert (await first).text == "done"
        assert (await http.get("/slow")).status_code == 200


async def test_what_one_user_has_running_at_once_is_bounded_and_streams_of_events_apart(tmp_path: Path) -> None:
    began, go = asyncio.Queue[None](), asyncio.Event()

    async def slow(_: Request) -> Response:
        began.put_nowait(None)
        await go.wait()
        return PlainTextResponse("done")

    world = World(tmp_path, limit_calls_at_once=1, limit_streams=1)
    alice, bob = world.bearer(sub="alice"), world.bearer(sub="bob")
    events = {**alice, "accept": "text/event-stream"}
    async with running(world.wrapped(Starlette(routes=[Route("/slow", slow)]))) as http:
        held = []
        for headers in (alice, bob, events):
            held.append(asyncio.create_task(http.get("/slow", headers=headers)))
            await asyncio.wait_for(began.get(), 60)
        for headers in (alice, bob, events):
            refused = await http.get("/slow", headers=headers)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert (refused.json()["code"], refused.headers["content-type"]) == ("limit_reached", PROBLEM)
        go.set()
        assert [(await one).text for one in held] == ["done"] * 3
        assert (await http.get("/slow", headers=alice)).status_code == 200


async def test_an_endpoint_has_a_rate_of_its_own_by_its_name(tmp_path: Path) -> None:
    world = World(tmp_path, ManualClock(), limit_calls="2/minute", limit_tools="POST /notes=1/minute")
    writer = world.bearer("notes:write", sub="alice")
    async with running(world.wrapped(plain_app())) as http:
        assert [(await http.post("/notes", headers=writer)).status_code for _ in range(2)] == [200, 429]
        # It does not count among the others.
        assert [(await http.get("/whoami", headers=writer)).status_code for _ in range(3)] == [200, 200, 429]


# The audit trail


@asynccontextmanager
async def trail_of(world: World) -> AsyncIterator[Database]:
    """What the application records into, opened a second time."""
    database = await open_database(DatabaseConfig(default_url(world.settings.state_dir)))
    yield database
    await database.aclose()


async def recorded(world: World, *kinds: str) -> list[Recorded]:
    async with trail_of(world) as trail:
        assert (await verify(trail)).whole
        return [one async for one in search(trail, Filter(kinds=kinds or None))]


async def test_calls_are_recorded_with_the_rule_that_decided_and_no_word_of_the_caller(tmp_path: Path) -> None:
    world = World(tmp_path, audit="on", limit_calls="5/minute")
    app = plain_app()

    async def note(request: Request) -> Response:
        return PlainTextResponse(request.path_params["name"])

    app.router.routes.append(Route("/notes/{name}", note, methods=["GET", "PUT"]))
    reader, writer = world.bearer("notes:read", sub="alice"), world.bearer("notes:write", sub="alice")
    async with running(world.wrapped(app)) as http:
        assert (await http.post("/notes", headers={**writer, "x-request-id": "a-write-0001"})).status_code == 200
        assert (await http.get("/notes/canary?q=canary", headers=reader)).status_code == 200
        assert (await http.put("/notes/canary", headers=reader)).status_code == 200
        assert (await http.post("/notes", headers=reader)).status_code == 403
        assert (await http.post("/admin/purge", headers=reader)).status_code == 403
        assert (await http.get("/whoami")).status_code == 401
        assert (await http.get("/canary", headers=reader)).status_code == 404
        await http.get("/whoami", headers={"authorization": "Bearer canary"})
        await http.get("/whoami", headers={"host": "evil.example"})
        assert [(await http.get("/whoami", headers=reader)).status_code for _ in range(2)] == [200, 429]
    events = [one.event for one in await recorded(world)]
    assert "canary" not in str(events)
    alice = of_user(ISSUER, "alice")
    calls = [event for event in events if event.kind == "endpoint.call"]
    assert {(event.subject["endpoint"], event.outcome, event.rule, event.actor == alice) for event in calls} == {
        ("POST /notes", "ok", "granted", True),
        ("GET /notes/{name}", "ok", "granted", True),
        ("PUT /notes/{name}", "ok", "granted", True),
        ("POST /notes", "refused", "step_up:scopes", True),
        ("POST /admin/purge", "refused", "deny:roles", True),
        ("GET /whoami", "refused", "step_up:anonymous", False),
        ("GET", "ok", "granted", True),
        ("GET /whoami", "ok", "granted", True),
    }
    assert next(event.request_id for event in calls if event.rule == "granted") == "a-write-0001"
    refusals = {(event.kind, event.rule) for event in events if event.kind in {"token.refuse", "request.refuse"}}
    assert refusals == {("token.refuse", "malformed"), ("request.refuse", "host"), ("request.refuse", "limit:calls")}
    assert [event.actor for event in events if event.kind == "token.use"] == [alice]


async def test_a_call_that_may_write_is_durable_before_it_runs_and_else_does_not_run(tmp_path: Path) -> None:
    world = World(tmp_path, audit="on")
    ran: list[int] = []

    @requires("notes:write")
    async def write(_: Request) -> Response:
        ran.append(len(await recorded(world, "endpoint.call")))
        return PlainTextResponse("written")

    async with running(world.wrapped(Starlette(routes=[Route("/notes", write, methods=["POST"])]))) as http:
        assert (await http.post("/notes", headers=world.bearer("notes:write"))).status_code == 200
        assert ran == [1]
        async with trail_of(world) as trail:
            async with trail.transaction() as transaction:
                await transaction.execute("ALTER TABLE audit_head RENAME TO gone")
            assert (await http.post("/notes", headers=world.bearer("notes:write"))).status_code == 503
            async with trail.transaction() as transaction:
                await transaction.execute("ALTER TABLE gone RENAME TO audit_head")
        assert ran == [1]


async def test_without_a_started_trail_nothing_is_reached_and_by_default_there_is_none(tmp_path: Path) -> None:
    async def status(**settings: Any) -> int:
        world = World(tmp_path, **settings)
        transport = httpx2.ASGITransport(app=world.wrapped(plain_app()))
        async with httpx2.AsyncClient(transport=transport, base_url="https://notes.example.com") as http:
            return (await http.get("/whoami", headers=world.bearer())).status_code

    assert [await status(), await status(audit="on")] == [200, 503]
    assert not (tmp_path / "database").exists()


@pytest.mark.parametrize("asks_for_more", [False, True])
async def test_the_end_is_told_when_everything_is_closed(tmp_path: Path, asks_for_more: bool) -> None:
    """A server ends its process on that word: what waits for the database would be lost."""
    world = World(tmp_path, audit="on")
    coming: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    said: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await PlainTextResponse("x")(scope, receive, send)
            return
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})
        if asks_for_more:
            await receive()

    wrapped = world.wrapped(app)

    async def receive() -> Message:
        if len(coming) == 1:
            transport = httpx2.ASGITransport(app=wrapped)
            async with httpx2.AsyncClient(transport=transport, base_url="https://notes.example.com") as http:
                await http.get("/x", headers=world.bearer())
        return coming.pop(0)

    async def send(message: Message) -> None:
        said.append(message["type"])
        if len(said) == 2:
            said.extend(one.event.kind for one in await recorded(world))

    async with asyncio.timeout(60):
        await wrapped({"type": "lifespan"}, receive, send)
    assert said[:2] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert set(said[2:]) == {"token.use", "endpoint.call"}

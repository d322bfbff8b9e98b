"""Capacity: what is in work, what waits, what is refused, without a clock."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from gatelodge.app import overload
from gatelodge.app.overload import Shedding
from gatelodge.testing.clock import ManualClock


class Work:
    """An application whose requests end when they are told to, in any order."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Event()

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        name = scope["path"]
        self.begun.append(name)
        self._changed.set()
        if name == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
        if name == "/fails":
            raise ValueError(name)
        if not name.startswith("/health"):
            await self._end(name).wait()
        if name != "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def end(self, name: str) -> None:
        self._end(name).set()

    async def has_begun(self, *names: str) -> None:
        """Wait until these have begun, in this order, and let everything settle."""
        async with asyncio.timeout(60):
            while self.begun != list(names):
                self._changed.clear()
                await self._changed.wait()
        await settled()

    def _end(self, name: str) -> asyncio.Event:
        return self._ends.setdefault(name, asyncio.Event())


async def settled() -> None:
    """Everything that can run has run."""
    for _ in range(100):
        await asyncio.sleep(0)


class Door:
    """Shedding with its requests as tasks."""

    def __init__(self, most: int, line: int, patience: float = 3600.0, few: int = 100) -> None:
        self.work = Work()
        self.clock = ManualClock()
        self.shedding = Shedding(self.work, most=most, line=line, clock=self.clock, patience=patience, few=few)
        self.tasks: dict[str, asyncio.Task[list[Message]]] = {}

    def ask(self, name: str, method: str = "POST", headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self.tasks[name] = asyncio.create_task(self._answer(name, method, headers))

    async def status(self, name: str) -> int:
        async with asyncio.timeout(60):
            return int((await self.tasks[name])[0]["status"])

    async def _answer(self, name: str, method: str, headers: Sequence[tuple[bytes, bytes]]) -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        scope = {"type": "http", "method": method, "path": name, "headers": list(headers)}
        await self.shedding(scope, receive, send)
        return sent


@asynccontextmanager
async def door(most: int = 2, line: int = 2, patience: float = 3600.0, few: int = 100) -> AsyncIterator[Door]:
    made = Door(most, line, patience, few)
    try:
        yield made
    finally:
        for task in made.tasks.values():
            task.cancel()
        await asyncio.gather(*made.tasks.values(), return_exceptions=True)
        assert made.shedding.working == 0, "every place was given back"


async def test_what_fits_runs_some_wait_and_the_rest_is_refused_at_once() -> None:
    async with door(most=2, line=2) as at:
        for name in "abcdef":
            at.ask(name)
        await at.work.has_begun("a", "b")
        assert (await at.status("e"), await at.status("f")) == (503, 503)
        start = (await at.tasks["e"])[0]
        assert (b"retry-after", b"1") in start["headers"]
        assert b'"code":"overloaded"' in (await at.tasks["e"])[1]["body"]
        assert at.shedding.working == 2


async def test_who_waits_is_served_in_the_order_of_arrival() -> None:
    async with door(most=1, line=3) as at:
        for name in "abcd":
            at.ask(name)
            await settled()
        at.work.end("a")
        await at.work.has_begun("a", "b")
        # Someone new does not come before those who wait.
        at.ask("e")
        at.work.end("b")
        await at.work.has_begun("a", "b", "c")
        for name in "cde":
            at.work.end(name)
        await at.work.has_begun("a", "b", "c", "d", "e")
        assert [await at.status(name) for name in "abcde"] == [200] * 5


async def test_who_waited_too_long_is_refused_and_leaves_the_line() -> None:
    async with door(most=1, line=1, patience=0.0) as at:
        at.ask("a")
        await settled()
        at.ask("b")
        assert await at.status("b") == 503
        at.ask("c")
        assert await at.status("c") == 503
        at.work.end("a")
        assert await at.status("a") == 200
        at.ask("d")
        at.work.end("d")
        assert await at.status("d") == 200


async def test_calls_that_never_wait_are_counted_too_when_they_come_together() -> None:
    async with door(most=2, line=1) as at:
        for name in "abcde":
            at.work.end(name)
            at.ask(name)
        assert sorted([await at.status(name) for name in "abcde"]) == [200, 200, 200, 503, 503]


async def test_when_the_event_loop_is_late_some_are_refused_and_a_few_go_on() -> None:
    async with door(most=9, line=0, few=2) as at:
        for name in "abcd":
            at.ask(name)
        await asyncio.sleep(0)
        # Something kept the process busy.
        at.clock.advance(0.2)
        await at.work.has_begun("c", "d")
        assert [await at.status(name) for name in "ab"] == [503, 503]
        at.ask("e")
        await at.work.has_begun("c", "d", "e")


async def test_a_pause_with_few_in_work_refuses_nobody() -> None:
    async with door(most=9, line=0, few=2) as at:
        for name in "ab":
            at.ask(name)
        await asyncio.sleep(0)
        at.clock.advance(60)
        await at.work.has_begun("a", "b")


async def test_who_goes_away_before_his_turn_holds_up_nobody() -> None:
    async with door(most=5, line=0) as at:
        for name in "abc":
            at.ask(name)
        await asyncio.sleep(0)
        at.tasks["b"].cancel()
        await at.work.has_begun("a", "c")
        assert at.shedding.working == 2


async def test_who_goes_away_while_waiting_takes_no_place() -> None:
    async with door(most=1, line=2) as at:
        for name in "abc":
            at.ask(name)
        await settled()
        at.tasks["b"].cancel()
        await settled()
        at.work.end("a")
        await at.work.has_begun("a", "c")


async def test_a_place_that_comes_to_someone_who_just_went_away_goes_on_to_the_next() -> None:
    async with door(most=1, line=2) as at:
        for name in "abc":
            at.ask(name)
        await settled()
        at.shedding.pass_on()
        # The place is b's, and b has not run since.
        at.tasks["b"].cancel()
        await at.work.has_begun("a", "c")
        # What was passed on by hand was a's.
        at.shedding._working += 1


async def test_a_failed_request_gives_its_place_back() -> None:
    async with door(most=1, line=0) as at:
        at.ask("/fails")
        with pytest.raises(ValueError, match="/fails"):
            await at.status("/fails")
        at.ask("a")
        await at.work.has_begun("/fails", "a")


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_health_is_never_refused(path: str) -> None:
    async with door(most=1, line=0) as at:
        at.ask("a")
        await settled()
        at.ask(path, "GET")
        assert await at.status(path) == 200


@pytest.mark.parametrize(
    ("method", "header"),
    [("GET", (b"accept", b"text/event-stream")), ("POST", (b"mcp-method", b"subscriptions/listen"))],
)
async def test_a_stream_is_in_work_until_it_begins(method: str, header: tuple[bytes, bytes]) -> None:
    async with door(most=1, line=0) as at:
        at.ask("/stream", method, [header])
        await at.work.has_begun("/stream")
        at.ask("a")
        await at.work.has_begun("/stream", "a")
        at.ask("b")
        assert await at.status("b") == 503
        at.work.end("/stream")
        assert await at.status("/stream") == 200
        assert at.shedding.working == 1


async def test_no_limit_refuses_nobody() -> None:
    async with door(most=0, line=0) as at:
        for number in range(500):
            at.ask(str(number))
        await settled()
        assert len(at.work.begun) == 500


async def test_after_a_rush_everything_is_served_again() -> None:
    async with door(most=3, line=3) as at:
        for number in range(100):
            at.ask(str(number))
        await settled()
        for number in range(100):
            at.work.end(str(number))
        found = [await at.status(str(number)) for number in range(100)]
        assert found == [200] * 6 + [503] * 94
        at.ask("later")
        at.work.end("later")
        assert await at.status("later") == 200


async def test_the_refusal_can_be_read_by_a_client_of_http() -> None:
    async with door(most=1, line=0) as at:
        at.ask("a")
        await settled()
        transport = httpx2.ASGITransport(app=at.shedding)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
            answer = await http.post("/mcp")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["title"] == "The server has more to do than it can right now."


async def test_who_is_slow_with_a_body_keeps_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "_BODY", 0.0)
    bodies = [asyncio.Event(), asyncio.Event()]
    read: list[int] = []

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["body"] == b"whole"
        read.append(shedding.working)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    shedding = Shedding(app, most=1, line=0, clock=ManualClock(), patience=3600.0)

    async def ask(body: asyncio.Event) -> int:
        sent: list[Message] = []

        async def receive() -> Message:
            await body.wait()
            return {"type": "http.request", "body": b"whole", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await shedding({"type": "http", "method": "POST", "path": "/mcp", "headers": []}, receive, send)
        return int(sent[0]["status"])

    slow = asyncio.create_task(ask(bodies[0]))
    await settled()
    assert shedding.working == 0
    bodies[1].set()
    async with asyncio.timeout(60):
        assert await ask(bodies[1]) == 200
        bodies[0].set()
        assert await slow == 200
    # What came late is work again, and nobody's place is lost or counted twice.
    assert (read, shedding.working) == ([1, 1], 0)


async def test_late_bodies_that_end_together_are_not_all_in_work_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "_BODY", 0.0)
    end, go = asyncio.Event(), asyncio.Event()
    most = 0

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        nonlocal most
        while (await receive()).get("more_body"):
            pass
        most = max(most, shedding.working)
        await go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    shedding = Shedding(app, most=2, line=1, clock=ManualClock(), patience=3600.0)

    async def ask() -> int:
        sent: list[Message] = []
        parts: list[Message] = [
            {"type": "http.request", "body": b"a part", "more_body": True},
            {"type": "http.request", "body": b"the rest", "more_body": False},
        ]

        async def receive() -> Message:
            await end.wait()
            return parts.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        await shedding({"type": "http", "method": "POST", "path": "/mcp", "headers": []}, receive, send)
        return int(sent[0]["status"])

    asked: list[asyncio.Task[int]] = []
    for _ in range(10):
        asked.append(asyncio.create_task(ask()))
        await settled()
    assert shedding.working == 0
    end.set()
    await settled()
    assert (most, shedding.working) == (2, 2)
    go.set()
    async with asyncio.timeout(60):
        assert sorted(await asyncio.gather(*asked)) == [200] * 3 + [503] * 7
    assert shedding.working == 0


async def test_who_goes_away_with_a_late_body_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "_BODY", 0.0)
    gone = asyncio.Event()
    told: list[Message] = []

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        told.append(await receive())

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        raise AssertionError("nobody listens")

    shedding = Shedding(app, most=1, line=0, clock=ManualClock(), patience=3600.0)
    asked = asyncio.create_task(
        shedding({"type": "http", "method": "POST", "path": "/mcp", "headers": []}, receive, send)
    )
    await settled()
    gone.set()
    await asked
    assert told == [{"type": "http.disconnect"}]
    assert shedding.working == 0


async def test_an_application_that_answers_every_failure_does_not_answer_for_us(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overload, "_BODY", 0.0)
    asked, whole = asyncio.Event(), asyncio.Event()

    async def echo(request: Request) -> Response:
        return Response(await request.body())

    shedding = Shedding(
        Starlette(routes=[Route("/notes", echo, methods=["POST"])]), most=1, line=0, clock=ManualClock(), mcp=False
    )

    async def body() -> AsyncIterator[bytes]:
        asked.set()
        await whole.wait()
        yield b"late"

    transport = httpx2.ASGITransport(app=shedding)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        late = asyncio.create_task(http.post("/notes", content=body()))
        async with asyncio.timeout(60):
            await asked.wait()
            await settled()
            # Somebody else has the place that the late one left.
            assert await shedding.admit()
            whole.set()
            answer = await late
            assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
            assert answer.headers["content-type"] == "application/problem+json"
            shedding.pass_on()
            assert (await http.post("/notes", content=b"in time")).content == b"in time"

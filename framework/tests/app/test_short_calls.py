"""Tool calls of the older era: one JSON object, or a stream in order; whatever is odd takes the SDK's own way."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import mcp_types
import pytest
from fastmcp import Context, FastMCP
from mcp.shared.exceptions import MCPError
from protected import PUBLIC_URL, Serve, Served
from starlette.types import Message

from gatelodge import current_principal, requires
from gatelodge.app.bridge import exchange

pytestmark = pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")

HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
ERA = {"mcp-protocol-version": "2025-11-25"}


def talkative() -> FastMCP[Any]:
    """Tools that answer, report, log, fail and wait; ``waits`` keeps what happened to the last."""
    mcp: FastMCP[Any] = FastMCP("talkative")
    mounted: FastMCP[Any] = FastMCP("mounted")

    @mcp.tool
    @requires("notes:read")
    async def plain() -> str:
        caller = current_principal()
        return "signed in" if caller else "nobody"

    @mcp.tool
    @requires("notes:read")
    async def reports(context: Context) -> str:
        await context.report_progress(1, 2, "half")
        await asyncio.gather(*(context.info(f"line {number}") for number in range(3)))
        return "done"

    @mcp.tool
    @requires("notes:read")
    async def refuses() -> str:
        raise MCPError(mcp_types.MISSING_REQUIRED_CLIENT_CAPABILITY, "not with you")

    @mounted.tool
    @requires("notes:read")
    async def logs(context: Context) -> str:
        await context.info("from within")
        return "done"

    mcp.mount(mounted, namespace="inner")
    return mcp


def message(tool: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": tool, "arguments": {}, **params}}


async def call(served: Served, tool: str, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:
    sent = {**HEADERS, **ERA, **served.bearer("notes:read"), **(headers or {})}
    return await served.http.post("/mcp", content=json.dumps(message(tool, **params)), headers=sent)


def events(response: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]


@pytest.mark.requirement("MCP25-HTTP-answer-type")
@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18", "2025-11-25", None])
async def test_a_call_with_nothing_to_say_before_its_result_is_one_object(serve: Serve, version: str | None) -> None:
    served = await serve(talkative())
    headers = {
        **HEADERS,
        **served.bearer("notes:read"),
        **({} if version is None else {"mcp-protocol-version": version}),
    }
    response = await served.http.post("/mcp", content=json.dumps(message("plain")), headers=headers)
    assert response.headers["content-type"] == "application/json"
    assert (response.json()["id"], response.json()["result"]["content"][0]["text"]) == (7, "signed in")


async def test_progress_and_log_messages_come_before_the_result_in_one_stream(serve: Serve) -> None:
    response = await call(await serve(talkative()), "reports", _meta={"progressToken": "p"})
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-accel-buffering"] == "no"
    first, *lines, last = events(response)
    assert first["params"] == {"progressToken": "p", "progress": 1, "total": 2, "message": "half"}
    assert [line["params"]["data"]["msg"] for line in lines] == ["line 0", "line 1", "line 2"]
    assert last["result"]["content"][0]["text"] == "done"


async def test_without_a_progress_token_no_progress_is_sent(serve: Serve) -> None:
    methods = [event.get("method") for event in events(await call(await serve(talkative()), "reports"))]
    assert methods == ["notifications/message"] * 3 + [None]


async def test_an_error_of_the_protocol_is_answered_with_200_as_in_this_era(serve: Serve) -> None:
    response = await call(await serve(talkative()), "refuses")
    assert (response.status_code, response.json()["error"]["message"]) == (200, "not with you")


@pytest.mark.parametrize("tool", ["plain", "reports", "refuses", "nothing"])
async def test_the_answer_is_the_same_as_on_the_sdks_own_way(serve: Serve, tool: str) -> None:
    served = await serve(talkative())
    short = await call(served, tool)
    # A parameter on the type is enough to be sent the long way.
    long = await call(served, tool, {"content-type": "application/json; charset=utf-8"})
    assert long.headers["content-type"].startswith("text/event-stream")
    assert (events(short) or [short.json()]) == events(long)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"accept": "application/json"}, 406),
        ({"accept": "text/event-stream"}, 406),
        ({"content-type": "text/plain"}, 400),
    ],
)
async def test_what_the_sdk_refuses_stays_refused(serve: Serve, headers: dict[str, str], status: int) -> None:
    assert (await call(await serve(talkative()), "plain", headers)).status_code == status


async def test_a_level_that_a_caller_chose_holds_in_mounted_servers_too(serve: Serve) -> None:
    served = await serve(talkative())
    assert len(events(await call(served, "inner_logs"))) == 2
    chosen = {"jsonrpc": "2.0", "id": 1, "method": "logging/setLevel", "params": {"level": "error"}}
    headers = {**HEADERS, **ERA, **served.bearer("notes:read")}
    assert (await served.http.post("/mcp", json=chosen, headers=headers)).status_code == 200
    assert (await call(served, "inner_logs")).headers["content-type"] == "application/json"


class Waiting:
    """A tool that waits, and the raw request for it."""

    def __init__(self) -> None:
        self.entered, self.cancelled, self.released = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.gone = asyncio.Event()

    def server(self) -> FastMCP[Any]:
        mcp: FastMCP[Any] = FastMCP("waiting")

        @mcp.tool
        @requires("notes:read")
        async def waits() -> str:
            self.entered.set()
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
            return "released"

        return mcp

    @asynccontextmanager
    async def called(self, served: Served) -> AsyncIterator[asyncio.Task[None]]:
        transport = served.http._transport
        assert isinstance(transport, httpx.ASGITransport)
        headers = {**HEADERS, **ERA, "host": PUBLIC_URL.split("/")[2], **served.bearer("notes:read")}
        scope = {"type": "http", "method": "POST", "path": "/mcp", "raw_path": b"/mcp", "query_string": b""}
        scope |= {"scheme": "https", "server": ("localhost", 8443), "http_version": "1.1", "root_path": ""}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        body: list[Message] = [{"type": "http.request", "body": json.dumps(message("waits")).encode()}]

        async def receive() -> Message:
            if body:
                return body.pop()
            await self.gone.wait()
            return {"type": "http.disconnect"}

        task = asyncio.ensure_future(transport.app({**scope, "headers": pairs}, receive, self.sent.put))
        await asyncio.wait_for(self.entered.wait(), 5)
        try:
            yield task
        finally:
            self.gone.set()
            await asyncio.wait_for(task, 5)


async def test_a_client_that_leaves_cancels_its_call(serve: Serve) -> None:
    waiting = Waiting()
    async with waiting.called(await serve(waiting.server())):
        waiting.gone.set()
        await asyncio.wait_for(waiting.cancelled.wait(), 5)
    assert waiting.sent.empty()


async def test_a_long_silence_is_broken_and_the_result_still_comes(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PING", 0.01)
    waiting = Waiting()
    async with waiting.called(await serve(waiting.server())) as task:
        start, ping = [await asyncio.wait_for(waiting.sent.get(), 5) for _ in range(2)]
        assert (start["status"], ping["body"]) == (200, b": ping\r\n\r\n")
        waiting.released.set()
        await asyncio.wait_for(asyncio.shield(task), 5)
    rest = [waiting.sent.get_nowait() for _ in range(waiting.sent.qsize())]
    assert b'"released"' in rest[-1]["body"]
    assert not rest[-1].get("more_body")

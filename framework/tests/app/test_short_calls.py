"""Tool calls of both eras: one JSON object, or a stream in order; whatever is odd takes the SDK's own way."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Annotated, Any

import httpx2
import mcp_types
import pytest
from fastmcp import Context, FastMCP
from mcp.shared.exceptions import MCPError
from protected import MODERN, PUBLIC_URL, Serve, Served
from pydantic import Field
from starlette.requests import Request
from starlette.types import Message

from gatelodge import current_principal, requires
from gatelodge.app.bridge import exchange, short_calls
from gatelodge.app.context import OPERATION_KEY
from gatelodge.app.message import parse_operation

pytestmark = pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")

HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
OLDER, NEWER = "2025-11-25", "2026-07-28"
eras = pytest.mark.parametrize("era", [OLDER, NEWER])
REGION = Field(json_schema_extra={"x-mcp-header": "Region"})


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

    @mcp.tool
    @requires("notes:read")
    async def fails() -> str:
        return str(1 / 0)

    @mcp.tool
    @requires("notes:read")
    async def body(context: Context) -> int:
        # Longer than a call takes that nobody looks after.
        await asyncio.sleep(2 * exchange.SOON)
        request = context.request_context.request if context.request_context else None
        return len(await request.body()) if request else 0

    @mcp.tool
    @requires("notes:read")
    async def weather(region: Annotated[str, REGION]) -> str:
        return region

    @mounted.tool
    @requires("notes:read")
    async def logs(context: Context) -> str:
        await context.info("from within")
        return "done"

    mcp.mount(mounted, namespace="inner")
    return mcp


def message(tool: str, era: str = OLDER, **params: Any) -> dict[str, Any]:
    if era == NEWER:
        params["_meta"] = {**MODERN, **params.get("_meta", {})}
    return {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": tool, "arguments": {}, **params}}


def headers_of(tool: str, era: str) -> dict[str, str]:
    newer = {"mcp-method": "tools/call", "mcp-name": tool} if era == NEWER else {}
    return {**HEADERS, "mcp-protocol-version": era, **newer}


async def call(
    served: Served, tool: str, headers: dict[str, str] | None = None, era: str = OLDER, **params: Any
) -> httpx2.Response:
    sent = {**headers_of(tool, era), **served.bearer("notes:read"), **(headers or {})}
    return await served.http.post("/mcp", content=json.dumps(message(tool, era, **params)), headers=sent)


def events(response: httpx2.Response) -> list[dict[str, Any]]:
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


@eras
async def test_progress_and_log_messages_come_before_the_result_in_one_stream(serve: Serve, era: str) -> None:
    # In the newer era a request says itself what it wants to be told.
    meta = {"progressToken": "p", "io.modelcontextprotocol/logLevel": "info"}
    response = await call(await serve(talkative()), "reports", era=era, _meta=meta)
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-accel-buffering"] == "no"
    first, *lines, last = events(response)
    assert first["params"] == {"progressToken": "p", "progress": 1, "total": 2, "message": "half"}
    assert [line["params"]["data"]["msg"] for line in lines] == ["line 0", "line 1", "line 2"]
    assert last["result"]["content"][0]["text"] == "done"


async def test_without_a_progress_token_no_progress_is_sent(serve: Serve) -> None:
    methods = [event.get("method") for event in events(await call(await serve(talkative()), "reports"))]
    assert methods == ["notifications/message"] * 3 + [None]


@eras
async def test_a_tool_can_read_the_body_of_its_request(serve: Serve, era: str) -> None:
    response = await call(await serve(talkative()), "body", era=era)
    assert response.json()["result"]["content"][0]["text"] == str(len(json.dumps(message("body", era))))


@pytest.mark.parametrize(("era", "status"), [(OLDER, 200), (NEWER, 400)])
async def test_an_error_of_the_protocol_has_the_status_of_its_era(serve: Serve, era: str, status: int) -> None:
    response = await call(await serve(talkative()), "refuses", era=era)
    assert (response.status_code, response.json()["error"]["message"]) == (status, "not with you")


@eras
@pytest.mark.parametrize("tool", ["plain", "reports", "refuses", "fails", "nothing"])
async def test_the_answer_is_the_same_as_on_the_sdks_own_way(serve: Serve, tool: str, era: str) -> None:
    served = await serve(talkative())
    same = {"x-request-id": "the-same-in-both"}
    short = await call(served, tool, same, era)
    # A parameter on the type is enough to be sent the long way.
    long = await call(served, tool, {**same, "content-type": "application/json; charset=utf-8"}, era)
    assert short.status_code == long.status_code
    assert (events(short) or [short.json()]) == (events(long) or [long.json()])
    if era == OLDER:
        assert long.headers["content-type"].startswith("text/event-stream")
    else:
        assert short.headers["content-type"] == long.headers["content-type"]


REFUSED_BY_THE_SDK: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({"accept": "application/json"}, {}),
    ({"mcp-protocol-version": "2027-01-01"}, {}),
    ({"mcp-method": "tools/list"}, {}),
    ({"mcp-name": "plain"}, {}),
    ({"mcp-param-region": "south"}, {}),
    ({}, {"_meta": {"io.modelcontextprotocol/protocolVersion": OLDER}}),
    ({}, {"_meta": {"io.modelcontextprotocol/protocolVersion": 7}}),
    ({}, {"arguments": ["north"]}),
]


@pytest.mark.parametrize(("headers", "params"), REFUSED_BY_THE_SDK)
async def test_what_the_sdk_refuses_in_the_newer_era_takes_its_own_way(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], params: dict[str, Any]
) -> None:
    given = {"arguments": {"region": "north"}, **params}
    sent = {"mcp-param-region": "north", "x-request-id": "the-same-in-both", **headers}
    # By itself, whatever the gate has refused before.
    body = json.dumps(message("weather", NEWER, **given)).encode()
    pairs = [(name.encode(), value.encode()) for name, value in {**headers_of("weather", NEWER), **sent}.items()]
    scope = {"type": "http", "headers": pairs, OPERATION_KEY: parse_operation(body)}
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    sdk = SimpleNamespace(get_tool_input_schema=lambda _: schema)
    assert short_calls.short_call(Request(scope), sdk) is None
    served = await serve(talkative())
    refused = await call(served, "weather", sent, NEWER, **given)
    monkeypatch.setattr(exchange, "short_call", lambda *_: None)
    its_own = await call(served, "weather", sent, NEWER, **given)
    assert refused.status_code >= 400
    assert (refused.status_code, refused.content) == (its_own.status_code, its_own.content)


async def test_a_call_whose_headers_repeat_its_argument_takes_the_short_way(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[object] = []

    def kept(*given: Any) -> Any:
        found.append(short_calls.short_call(*given))
        return found[-1]

    monkeypatch.setattr(exchange, "short_call", kept)
    served = await serve(talkative())
    right = await call(served, "weather", {"mcp-param-region": "north"}, NEWER, arguments={"region": "north"})
    assert right.json()["result"]["content"][0]["text"] == "north"
    assert [type(call) for call in found] == [short_calls.ShortCall]


async def test_a_header_that_comes_twice_is_refused(serve: Serve) -> None:
    served = await serve(talkative())
    pairs = [*{**headers_of("plain", NEWER), **served.bearer("notes:read")}.items(), ("mcp-name", "plain")]
    response = await served.http.post("/mcp", content=json.dumps(message("plain", NEWER)), headers=pairs)
    assert response.status_code == 400


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
    headers = {**headers_of("", OLDER), **served.bearer("notes:read")}
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
    async def called(self, served: Served, era: str) -> AsyncIterator[asyncio.Task[None]]:
        transport = served.http._transport
        assert isinstance(transport, httpx2.ASGITransport)
        headers = {**headers_of("waits", era), "host": PUBLIC_URL.split("/")[2], **served.bearer("notes:read")}
        scope = {"type": "http", "method": "POST", "path": "/mcp", "raw_path": b"/mcp", "query_string": b""}
        scope |= {"scheme": "https", "server": ("localhost", 8443), "http_version": "1.1", "root_path": ""}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        body: list[Message] = [{"type": "http.request", "body": json.dumps(message("waits", era)).encode()}]

        async def receive() -> Message:
            if body:
                return body.pop()
            await self.gone.wait()
            return {"type": "http.disconnect"}

        task = asyncio.ensure_future(transport.app({**scope, "headers": pairs}, receive, self.sent.put))
        await asyncio.wait_for(self.entered.wait(), 60)
        try:
            yield task
        finally:
            self.gone.set()
            await asyncio.wait_for(task, 60)


@eras
async def test_a_client_that_leaves_cancels_its_call(serve: Serve, era: str) -> None:
    waiting = Waiting()
    async with waiting.called(await serve(waiting.server()), era):
        waiting.gone.set()
        await asyncio.wait_for(waiting.cancelled.wait(), 60)
    assert waiting.sent.empty()


@eras
async def test_a_long_silence_is_broken_and_the_result_still_comes(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, era: str
) -> None:
    monkeypatch.setattr(exchange, "PING", 0.01)
    waiting = Waiting()
    async with waiting.called(await serve(waiting.server()), era) as task:
        start, ping = [await asyncio.wait_for(waiting.sent.get(), 60) for _ in range(2)]
        assert (start["status"], ping["body"]) == (200, b": ping\r\n\r\n")
        waiting.released.set()
        await asyncio.wait_for(asyncio.shield(task), 60)
    rest = [waiting.sent.get_nowait() for _ in range(waiting.sent.qsize())]
    assert b'"released"' in rest[-1]["body"]
    assert not rest[-1].get("more_body")

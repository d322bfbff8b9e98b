"""What nobody foresaw: one constant answer, one line in the log, and nothing learnt by a stranger."""

import logging
from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP
from problems import constant, members, told
from protected import Serve, private_server
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gatelodge import public, requires
from gatelodge.app.edge import Edge
from gatelodge.core.codes import Code
from gatelodge.issuer.metadata import MetadataSource

_EDGE = "gatelodge.app.edge"


def client(app: Any) -> httpx2.AsyncClient:
    """One that is not shown the application's exceptions."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="https://localhost:8443")


def failures(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


async def broken(_: Scope, __: Receive, ___: Send) -> None:
    raise RuntimeError("a fault with canary inside")


async def half(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("in the middle")


async def afterwards(_: Scope, __: Receive, send: Send) -> None:
    await PlainTextResponse("whole")({"type": "http"}, __, send)
    raise RuntimeError("after the end")


async def test_a_path_takes_no_more_than_its_place_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    async def gone(_: Scope, __: Receive, ___: Send) -> None:
        raise ClientDisconnect

    caplog.set_level(logging.INFO)
    for app in (gone, broken):
        async with client(Edge(app)) as http:
            if app is broken:
                assert (await http.get("/" + 60_000 * "a")).status_code == 500
            else:
                with pytest.raises(AssertionError):
                    await http.get("/" + 60_000 * "a")
    lines = [record.getMessage() for record in caplog.records if record.name == _EDGE]
    assert [len(line) < 300 for line in lines] == [True, True]


async def test_a_fault_is_a_constant_500_and_one_line_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async with client(Edge(broken)) as http:
        answers = [await http.request(method, path) for method, path in (("GET", "/a"), ("POST", "/b?canary=1"))]
    for answer in answers:
        assert (answer.status_code, told(answer)) == (500, members(Code.INTERNAL_ERROR))
        assert answer.headers["cache-control"] == "no-store"
        assert "canary" not in answer.text
    assert [record.name for record in failures(caplog)] == [_EDGE, _EDGE]
    assert all(record.exc_info and record.exc_info[0] is RuntimeError for record in failures(caplog))


async def test_an_answer_that_has_begun_is_cut_and_not_mended(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RuntimeError, match="in the middle"):
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(Edge(half)), base_url="http://a") as http:
            await http.get("/")
    # The server that runs it writes the line.
    assert failures(caplog) == []


async def test_a_fault_after_the_whole_answer_is_one_line_too(caplog: pytest.LogCaptureFixture) -> None:
    async with client(Edge(afterwards)) as http:
        assert (await http.get("/")).text == "whole"
    assert [record.name for record in failures(caplog)] == [_EDGE]


async def gone(scope: Scope, receive: Receive, _: Send) -> None:
    await Request(scope, receive).body()


async def test_a_client_that_leaves_before_its_body_is_whole_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    sent = list[Any]()

    async def left() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    caplog.set_level(logging.INFO)
    await Edge(gone)({"type": "http", "method": "POST", "path": "/a", "headers": []}, left, send)
    assert sent == []
    assert failures(caplog) == []
    assert "given up by the client" in caplog.text


async def test_a_fault_in_any_route_of_a_server_is_answered_alike(
    serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve(private_server())

    async def raw(_: MetadataSource) -> Any:
        raise KeyError("canary")

    monkeypatch.setattr(MetadataSource, "raw", raw)
    caplog.clear()
    answer = await served.http.get("/.well-known/oauth-authorization-server")
    assert (answer.status_code, told(answer)) == (500, members(Code.INTERNAL_ERROR))
    assert "canary" not in answer.text
    [line] = failures(caplog)
    assert line.name == _EDGE
    assert line.exc_info


@public
async def _author_fails(_: Request) -> Response:
    raise ValueError("canary")


@public
async def _author_misses(_: Request) -> Response:
    raise HTTPException(404, "No such report.")


def author_server() -> FastMCP[Any]:
    """A server with routes of its author's own."""
    mcp: FastMCP[Any] = FastMCP("own routes")
    mcp.custom_route("/fails", methods=["GET"])(_author_fails)
    mcp.custom_route("/misses", methods=["GET"])(_author_misses)

    @mcp.tool
    @requires("notes:read")
    def read() -> str:
        return "read"

    return mcp


@pytest.mark.parametrize("path", ["/", "/nothing", "/redoc", "/mcp/more", "/fails/more"])
async def test_every_path_that_is_nothing_is_a_problem_of_404(serve: Serve, path: str) -> None:
    served = await serve(author_server())
    for method in ("GET", "POST", "DELETE"):
        answer = await served.http.request(method, path)
        assert (answer.status_code, told(answer)) == (404, members(Code.NOT_FOUND)), (method, path)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/health/live"), ("PUT", "/health/ready"), ("POST", "/misses"), ("DELETE", "/fails")]
)
async def test_a_wrong_method_is_a_problem_of_405_that_names_the_right_ones(
    serve: Serve, method: str, path: str
) -> None:
    served = await serve(author_server())
    answer = await served.http.request(method, path)
    assert (answer.status_code, told(answer)) == (405, members(Code.METHOD_NOT_ALLOWED))
    assert "GET" in answer.headers["allow"]


async def test_a_fault_in_an_authors_route_is_the_same_answer_and_one_line(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(author_server())
    caplog.clear()
    answer = await served.http.get("/fails")
    assert (answer.status_code, told(answer)) == (500, members(Code.INTERNAL_ERROR))
    assert "canary" not in answer.text
    [line] = failures(caplog)
    assert (line.name, bool(line.exc_info)) == (_EDGE, True)


async def test_an_authors_own_words_stay(serve: Serve) -> None:
    served = await serve(author_server())
    answer = await served.http.get("/misses")
    assert (answer.status_code, answer.text) == (404, "No such report.")


async def test_the_mcp_endpoint_keeps_its_type_and_its_challenge_and_has_the_members(serve: Serve) -> None:
    served = await serve(private_server())
    absent = await served.rpc("tools/list")
    bad = await served.rpc("tools/list", headers={"authorization": "Bearer no.token.this"})
    twice = await served.http.post("/mcp?access_token=x", headers=served.bearer("notes:read"), content=b"{}")
    short = await served.rpc("tools/call", {"name": "write"}, served.bearer("notes:read"))
    for answer, code, error in (
        (absent, Code.TOKEN_MISSING, "unauthorized"),
        (bad, Code.TOKEN_REJECTED, "invalid_token"),
        (twice, Code.CREDENTIALS_MALFORMED, "invalid_request"),
        (short, Code.SCOPE_MISSING, "insufficient_scope"),
    ):
        assert told(answer, media="application/json") == members(code, error)
        assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_keys_that_cannot_be_fetched_are_one_line_and_503_with_what_to_do(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(private_server())
    served.issuer.unreachable = True
    caplog.clear()
    answer = await served.rpc("tools/list", headers=served.bearer("notes:read"))
    assert answer.status_code == 503
    assert constant(answer)["code"] in {"keys_unavailable", "issuer_unavailable"}
    assert "Retry-After" in constant(answer)["hint"]
    assert int(answer.headers["retry-after"]) > 0
    assert "127.0.0.1" not in answer.text
    assert len([record for record in failures(caplog) if "keys_unavailable: " in record.getMessage()]) == 1


async def test_a_stream_passes_the_edge_as_it_is() -> None:
    async def parts() -> Any:
        yield b"one"
        yield b"two"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(parts())(scope, receive, send)

    async with client(Edge(app)) as http:
        assert (await http.get("/")).text == "onetwo"


async def test_a_failed_start_is_not_the_edges() -> None:
    app = Edge(Starlette(lifespan=_no_start))
    with pytest.raises(RuntimeError, match="no start"):
        await app({"type": "lifespan"}, _started, _unheard)


def _no_start(_: Starlette) -> Any:
    raise RuntimeError("no start")


async def _started() -> Any:
    return {"type": "lifespan.startup"}


async def _unheard(_: Any) -> None:
    return None

"""What goes wrong in an author's own code: the caller reads a code, a next step and the request id, and no word of it."""

import json
from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP
from fastmcp.exceptions import PromptError, ResourceError, ToolError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from protected import Serve, Served, result_of
from pydantic import BaseModel

from gatelodge import requires
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.problem import META
from gatelodge.observability.metrics import REGISTRY

CANARY = "hunter2-at-10.0.0.3"
eras = pytest.mark.parametrize("era", ["2025-11-25", "2026-07-28"])


class _Away(GatelodgeError):
    code = Code.PROVIDER_UNAVAILABLE


class _Refused(GatelodgeError, ToolError):
    """An author's own coded error, with a text for callers."""

    code = Code.ARGUMENT_REFUSED

    @property
    def shown(self) -> str:
        return "Not this one. Take another."


class _Row(BaseModel):
    number: int


FAULTS: dict[str, Exception] = {
    "unforeseen": RuntimeError(f"db password={CANARY}"),
    "ours": _Away(f"detail of {CANARY}"),
    "coded": _Refused(f"detail of {CANARY}"),
    "authors": ToolError("told"),
    "timeout": httpx2.ReadTimeout(CANARY),
}


def failing() -> FastMCP[Any]:
    """A server whose parts fail in every way; ``which`` names the fault."""
    mcp: FastMCP[Any] = FastMCP("failing")

    def fail(which: str) -> str:
        if which == "unfit row":
            return str(_Row.model_validate({"number": CANARY}))
        fault = FAULTS[which]
        if which == "authors":
            raise fault from RuntimeError(CANARY)
        raise fault

    @mcp.tool
    @requires("notes:read")
    async def boom(which: str) -> str:
        return fail(which)

    @mcp.tool
    @requires("notes:read")
    def boom_in_a_thread(which: str) -> str:
        return fail(which)

    @mcp.tool
    @requires("notes:read")
    async def outer() -> str:
        # From within, the author's own code meets the error.
        with pytest.raises(ToolError, match=CANARY):
            await mcp.call_tool("boom", {"which": "unforeseen"})
        return "met"

    @mcp.prompt
    @requires("notes:read")
    async def ask(which: str, count: int = 1) -> str:
        if which == "authors":
            raise PromptError("told")
        return fail(which) * count

    @mcp.resource("fail://one/{which}/{count}")
    @requires("notes:read")
    async def one(which: str, count: int) -> str:
        if which == "authors":
            raise ResourceError("told")
        return fail(which) * count

    return mcp


async def send(served: Served, era: str, method: str, params: dict[str, Any]) -> httpx2.Response:
    headers = served.bearer("notes:read")
    if era == "2026-07-28":
        named = {"mcp-name": params["uri"]} if "uri" in params else {}
        return await served.rpc(method, params, headers | named)
    headers |= {"accept": "application/json, text/event-stream", "mcp-protocol-version": era}
    return await served.http.post(
        "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, headers=headers
    )


def answered(response: httpx2.Response) -> dict[str, Any]:
    if response.status_code == 200:
        return result_of(response)
    message: dict[str, Any] = json.loads(response.text)
    return message


class Errors:
    """How often a code was counted since this was made."""

    def __init__(self, code: Code) -> None:
        self._labels = {"code": code.value}
        self._before = self._now()

    def __call__(self) -> float:
        return self._now() - self._before

    def _now(self) -> float:
        return REGISTRY.get_sample_value("gatelodge_errors_total", self._labels) or 0.0


TOLD = [
    ("unforeseen", Code.INTERNAL_ERROR, f"{Code.INTERNAL_ERROR.meaning.text} {Code.INTERNAL_ERROR.meaning.hint}"),
    ("unfit row", Code.INTERNAL_ERROR, Code.INTERNAL_ERROR.meaning.text),
    ("ours", Code.PROVIDER_UNAVAILABLE, f"{Code.PROVIDER_UNAVAILABLE.meaning.text}"),
    ("coded", Code.ARGUMENT_REFUSED, "Not this one. Take another."),
    ("timeout", Code.UPSTREAM_UNREACHABLE, "Upstream request timed out, please retry"),
]


@eras
@pytest.mark.parametrize("tool", ["boom", "boom_in_a_thread"])
@pytest.mark.parametrize("case", TOLD)
async def test_a_tools_error_is_one_of_the_closed_set_and_tells_nothing_of_the_server(
    serve: Serve, caplog: pytest.LogCaptureFixture, case: tuple[str, Code, str], tool: str, era: str
) -> None:
    which, code, text = case
    served, counted = await serve(failing()), Errors(code)
    answer = await send(served, era, "tools/call", {"name": tool, "arguments": {"which": which}})
    assert CANARY not in answer.text
    result = result_of(answer)["result"]
    told, shown = result["_meta"][META], result["content"][0]["text"]
    assert result["isError"] is True
    assert shown.startswith(text)
    assert (told["code"], told["detail"]) == (code.value, shown)
    assert told["request_id"] == answer.headers["x-request-id"]
    assert counted() == 1
    if code is Code.INTERNAL_ERROR:
        assert answer.headers["x-request-id"] in shown
        # The operator's log has what the caller does not get.
        assert any(CANARY in record.getMessage() for record in caplog.records)
        assert any(record.exc_info for record in caplog.records)


@eras
async def test_a_text_that_an_author_meant_for_callers_stays_with_whatever_cause(serve: Serve, era: str) -> None:
    served = await serve(failing())
    answer = await send(served, era, "tools/call", {"name": "boom", "arguments": {"which": "authors"}})
    result = result_of(answer)["result"]
    assert (result["content"][0]["text"], result["_meta"][META]["code"]) == ("told", "call_failed")
    assert CANARY not in answer.text
    for method, params in (
        ("prompts/get", {"name": "ask", "arguments": {"which": "authors"}}),
        ("resources/read", {"uri": "fail://one/authors/1"}),
    ):
        error = answered(await send(served, era, method, params))["error"]
        assert (error["message"], error["code"], error["data"]["code"]) == ("told", -32603, "call_failed")


@eras
@pytest.mark.parametrize(("which", "code"), [(which, code) for which, code, _ in TOLD[:3]])
@pytest.mark.parametrize("method", ["prompts/get", "resources/read"])
async def test_the_error_of_a_prompt_or_a_resource_tells_nothing_of_the_server_either(
    serve: Serve, which: str, code: Code, method: str, era: str
) -> None:
    served, counted = await serve(failing()), Errors(code)
    prompt: dict[str, Any] = {"name": "ask", "arguments": {"which": which}}
    params = prompt if method == "prompts/get" else {"uri": f"fail://one/{which.replace(' ', '%20')}/1"}
    answer = await send(served, era, method, params)
    assert CANARY not in answer.text
    error = answered(answer)["error"]
    assert error["code"] == code.meaning.rpc
    assert error["message"].startswith(code.meaning.text)
    assert (error["data"]["code"], error["data"]["request_id"]) == (code.value, answer.headers["x-request-id"])
    assert counted() == 1


@eras
@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("prompts/get", {"name": "ask"}, "which"),
        ("prompts/get", {"name": "ask", "arguments": {"which": "x", "count": "many"}}, "count"),
        ("resources/read", {"uri": "fail://one/x/many"}, "many"),
    ],
)
async def test_arguments_that_do_not_fit_a_prompt_or_a_resource_are_told(
    serve: Serve, method: str, params: dict[str, Any], words: str, era: str
) -> None:
    error = answered(await send(await serve(failing()), era, method, params))["error"]
    assert (error["code"], error["data"]["code"]) == (-32602, "argument_refused")
    assert words in error["message"]


async def test_an_author_who_calls_a_tool_from_within_meets_its_error(serve: Serve) -> None:
    answer = await send(await serve(failing()), "2026-07-28", "tools/call", {"name": "outer", "arguments": {}})
    assert result_of(answer)["result"]["content"][0]["text"] == "met"


@eras
@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "tools/list", "ping"])
async def test_an_authors_middleware_meets_the_errors_and_its_own_tells_nothing(
    serve: Serve, method: str, era: str
) -> None:
    met: list[str] = []

    class Careless(Middleware):
        async def on_message(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
            try:
                result = await call_next(context)
            except ToolError as error:
                met.append(str(error))
                raise
            if context.method == method:
                raise RuntimeError(CANARY)
            return result

    mcp = failing()
    mcp.add_middleware(Careless())
    served, counted = await serve(mcp), Errors(Code.INTERNAL_ERROR)
    known: dict[str, dict[str, Any]] = {
        "tools/call": {"name": "outer", "arguments": {}},
        "prompts/get": {"name": "ask"},
    }
    params = known.get(method, {})
    if method == "prompts/get":
        mcp.prompt(requires("notes:read")(lambda: "fine"), name="ask")
    answer = await send(served, era, method, params)
    if (method, era) == ("ping", "2026-07-28"):
        # That era has no such method.
        assert answer.status_code == 404
        return
    assert CANARY not in answer.text
    assert "internal_error" in answer.text
    assert counted() == 1
    assert (method == "tools/call") == any(CANARY in text for text in met)

"""The tools and the prompt that need more than one round of the official suite (SEP-2322).

Each asks with an ``InputRequiredResult`` until it has what it needs. FastMCP seals ``requestState`` on the wire, so what
a body reads here is what it wrote.
"""

import json
from typing import Any

from fastmcp import Context, FastMCP
from fastmcp.server.dependencies import get_context
from fastmcp.tools.base import ToolResult
from mcp_types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)

from conformance.official.fixture_tools import READ, said
from gatelodge import requires

__all__ = ["add_rounds"]

Round = ToolResult | InputRequiredResult


def add_rounds(mcp: FastMCP[Any]) -> None:
    """Register every tool and prompt that asks."""
    _add_single(mcp)
    _add_stateful(mcp)
    _add_choosing(mcp)


def _form(message: str, name: str, kind: str = "string") -> ElicitRequest:
    schema: dict[str, Any] = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def _sample(text: str, max_tokens: int = 100) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens))


def _ask(state: str | None = None, **requests: InputRequest) -> InputRequiredResult:
    return InputRequiredResult(input_requests=requests, request_state=state)


def _filled(ctx: Context, key: str) -> dict[str, Any] | None:
    """What the user entered under ``key``; None when there is no accepted answer of that name."""
    answer = (ctx.input_responses or {}).get(key)
    return answer.content or {} if isinstance(answer, ElicitResult) and answer.action == "accept" else None


def _add_single(mcp: FastMCP[Any]) -> None:
    @mcp.tool
    @requires(READ)
    async def test_input_required_result_elicitation(ctx: Context) -> Round:
        """Ask for a name."""
        user = _filled(ctx, "user_name")
        if user is None or "name" not in user:
            return _ask(user_name=_form("What is your name?", "name"))
        return said(f"Hello, {user['name']}!")

    @mcp.tool
    @requires(READ)
    async def test_streaming_elicitation(ctx: Context) -> Round:
        """Ask in the answer of a stream, never by a request of its own on it."""
        if _filled(ctx, "confirm") is None:
            return _ask(confirm=_form("Please confirm", "ok", "boolean"))
        return said("Confirmed")

    @mcp.tool
    @requires(READ)
    async def test_input_required_result_sampling(ctx: Context) -> Round:
        """Ask the client's model."""
        answer = (ctx.input_responses or {}).get("capital_question")
        if not isinstance(answer, CreateMessageResult):
            return _ask(capital_question=_sample("What is the capital of France?"))
        return said(f"The model said: {_text(answer)}")

    @mcp.tool
    @requires(READ)
    async def test_input_required_result_list_roots(ctx: Context) -> Round:
        """Ask for the client's roots."""
        answer = (ctx.input_responses or {}).get("client_roots")
        if not isinstance(answer, ListRootsResult):
            return _ask(client_roots=ListRootsRequest())
        return said(f"Roots: {', '.join(str(root.uri) for root in answer.roots)}")

    @mcp.prompt
    @requires(READ)
    async def test_input_required_result_prompt() -> str | InputRequiredResult:
        """A prompt that asks for its context."""
        # Not a parameter: FastMCP wraps a prompt that takes one, and the wrapper hides the access rule.
        entered = _filled(get_context(), "user_context")
        if entered is None:
            return _ask(user_context=_form("What context should the prompt use?", "context"))
        return f"Use this context: {entered.get('context')}"


def _add_stateful(mcp: FastMCP[Any]) -> None:
    @mcp.tool
    @requires(READ)
    async def test_input_required_result_request_state(ctx: Context) -> Round:
        """Ask, and know the own state again."""
        if ctx.request_state != "confirming" or _filled(ctx, "confirm") is None:
            return _ask("confirming", confirm=_form("Please confirm", "ok", "boolean"))
        return said("state-ok")

    @mcp.tool
    @requires(READ)
    async def test_input_required_result_tampered_state(ctx: Context) -> Round:
        """Ask with a state that nobody may change."""
        if ctx.request_state != "tamper-test" or _filled(ctx, "confirm") is None:
            return _ask("tamper-test", confirm=_form("Please confirm", "ok", "boolean"))
        return said("integrity-ok: state verified")

    @mcp.tool
    @requires(READ)
    async def test_input_required_result_multi_round(ctx: Context) -> Round:
        """Ask twice, and carry the first answer in the state."""
        state = json.loads(ctx.request_state or "{}")
        if state.get("round") == 2 and (second := _filled(ctx, "step2")) is not None:
            return said(f"Multi-round complete for {state['name']} who likes {second.get('color')}")
        if state.get("round") == 1 and (first := _filled(ctx, "step1")) is not None:
            carried = json.dumps({"round": 2, "name": first.get("name")})
            return _ask(carried, step2=_form("Step 2: What is your favorite color?", "color"))
        return _ask(json.dumps({"round": 1}), step1=_form("Step 1: What is your name?", "name"))


def _add_choosing(mcp: FastMCP[Any]) -> None:
    @mcp.tool
    @requires(READ)
    async def test_input_required_result_multiple_inputs(ctx: Context) -> Round:
        """Ask user, model and client at once."""
        answers = ctx.input_responses or {}
        user = _filled(ctx, "user_name")
        greeting, roots = answers.get("greeting"), answers.get("client_roots")
        if user is None or not isinstance(greeting, CreateMessageResult) or not isinstance(roots, ListRootsResult):
            return _ask(
                "asked",
                user_name=_form("What is your name?", "name"),
                greeting=_sample("Generate a greeting", 50),
                client_roots=ListRootsRequest(),
            )
        return said(f"{_text(greeting)} {user.get('name')}, {len(roots.roots)} roots")

    @mcp.tool
    @requires(READ)
    async def test_input_required_result_capabilities(ctx: Context) -> Round:
        """Ask only what the client can answer."""
        offered = ctx.session.client_capabilities
        requests: dict[str, InputRequest] = {}
        if offered is not None and offered.elicitation is not None:
            requests["elicit_input"] = _form("Elicitation input", "value")
        if offered is not None and offered.sampling is not None:
            requests["sample_input"] = _sample("Sampling input", 50)
        if not requests or ctx.input_responses:
            return said("Nothing left to ask")
        return _ask(None, **requests)


def _text(answer: CreateMessageResult) -> str:
    return answer.content.text if isinstance(answer.content, TextContent) else ""

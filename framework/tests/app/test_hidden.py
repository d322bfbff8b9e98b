"""What a role or user rule denies is nowhere: not in lists, not in answers, not in completions, in no version."""

import json
from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP
from protected import MODERN, Serve, Served, private_server, result_of

from gatelodge import public, requires


def rich_server(*, completes: bool = True) -> FastMCP[Any]:
    """The private server with a denied template, versions of one tool and completions that would tell everything."""
    mcp = private_server()

    @mcp.resource("notes://hidden/{note}")
    @requires("notes:read", users=["ada"])
    async def hidden(note: str) -> str:
        return note

    @mcp.resource("notes://open/{note}")
    @requires("notes:read")
    async def opened(note: str) -> str:
        return note

    if completes:

        @mcp.completion
        async def complete(ref: Any, argument: Any, context: Any) -> list[str]:
            # As a real one does: it knows its own prompts and templates, and nothing of who asks.
            known = "nosuch" not in (ref.name if ref.type == "ref/prompt" else ref.uri)
            return [f"{ref.type} {argument.value}"] if known else []

    return mcp


def versioned_server() -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP("versions")

    @mcp.tool(name="report", version="1")
    @requires("notes:read", roles=["admin"])
    async def first() -> str:
        return "secret"

    @mcp.tool(name="report", version="2")
    @requires("notes:read")
    async def second() -> str:
        return "open"

    return mcp


async def ask(
    served: Served, method: str, params: dict[str, Any], era: str, scopes: tuple[str, ...]
) -> httpx2.Response:
    headers = served.bearer(*scopes)
    if era == "modern":
        name = params.get("uri", params.get("name"))
        return await served.rpc(method, params, headers | ({"mcp-name": name} if name else {}))
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return await served.http.post(
        "/mcp", json=body, headers={**headers, "accept": "application/json, text/event-stream"}
    )


def cleaned(response: httpx2.Response, *names: str) -> tuple[int, str]:
    # Two requests have two ids, each in its own answer.
    text = response.text.replace(response.headers["x-request-id"], "ID")
    for name in names:
        text = text.replace(name, "NAME")
    return response.status_code, text


CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("tools/call", {"name": "purge", "arguments": {}}, {"name": "nosuch", "arguments": {}}),
    ("prompts/get", {"name": "secret_summary"}, {"name": "nosuch"}),
    ("resources/read", {"uri": "notes://secret"}, {"uri": "notes://nosuch"}),
    ("resources/read", {"uri": "notes://hidden/7"}, {"uri": "notes://nosuch"}),
    ("resources/subscribe", {"uri": "notes://secret"}, {"uri": "notes://nosuch"}),
    ("resources/unsubscribe", {"uri": "notes://hidden/7"}, {"uri": "notes://nosuch"}),
    *(
        ("completion/complete", {"ref": ref, "argument": argument}, {"ref": none, "argument": argument})
        for argument in [{"name": "note", "value": "x"}]
        for ref, none in (
            ({"type": "ref/prompt", "name": "secret_summary"}, {"type": "ref/prompt", "name": "nosuch"}),
            ({"type": "ref/resource", "uri": "notes://secret"}, {"type": "ref/resource", "uri": "notes://nosuch"}),
            (
                {"type": "ref/resource", "uri": "notes://hidden/{note}"},
                {"type": "ref/resource", "uri": "notes://nosuch/{note}"},
            ),
            ({"type": "ref/resource", "uri": "notes://hidden/7"}, {"type": "ref/resource", "uri": "notes://nosuch/7"}),
        )
    ),
]


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize("completes", [True, False])
@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case)[:80])
async def test_a_denied_component_is_answered_exactly_as_an_unknown_one(
    serve: Serve, case: tuple[str, dict[str, Any], dict[str, Any]], era: str, completes: bool
) -> None:
    method, denied, unknown = case
    served = await serve(rich_server(completes=completes))
    names = ["notes://hidden/{note}", "notes://nosuch/{note}", "notes://hidden/7", "notes://nosuch/7", "notes://secret"]
    names += ["notes://nosuch", "secret_summary", "purge", "nosuch"]
    for scopes in (("notes:read",), ()):
        answers = [cleaned(await ask(served, method, params, era, scopes), *names) for params in (denied, unknown)]
        assert answers[0] == answers[1]


async def test_denied_templates_are_not_listed(serve: Serve) -> None:
    served = await serve(rich_server())
    reader = served.bearer("notes:read", preferred_username="bob")
    listed = result_of(await served.rpc("resources/templates/list", headers=reader))["result"]["resourceTemplates"]
    assert [item["uriTemplate"] for item in listed] == ["notes://by-id/{note}", "notes://open/{note}"]
    ada = served.bearer("notes:read", preferred_username="ada")
    listed = result_of(await served.rpc("resources/templates/list", headers=ada))["result"]["resourceTemplates"]
    assert "notes://hidden/{note}" in [item["uriTemplate"] for item in listed]


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_allowed_references_are_completed_and_those_that_lack_a_scope_step_up(serve: Serve, era: str) -> None:
    served = await serve(rich_server())
    argument = {"name": "note", "value": "x"}
    prompt = {"ref": {"type": "ref/prompt", "name": "summary"}, "argument": argument}
    template = {"ref": {"type": "ref/resource", "uri": "notes://open/{note}"}, "argument": argument}
    for params, kind in ((prompt, "ref/prompt"), (template, "ref/resource")):
        done = result_of(await ask(served, "completion/complete", params, era, ("notes:read",)))
        assert done["result"]["completion"]["values"] == [f"{kind} x"]
        lacking = await ask(served, "completion/complete", params, era, ())
        assert lacking.status_code == 403
        assert 'scope="notes:read"' in lacking.headers["www-authenticate"]


@pytest.mark.parametrize(
    "ref", [None, {}, [], {"type": "ref/prompt"}, {"type": "ref/tool", "name": "purge"}, {"type": 7, "name": "x"}]
)
async def test_what_is_no_reference_is_refused_by_fastmcp(serve: Serve, ref: Any) -> None:
    served = await serve(rich_server())
    params = {"ref": ref, "argument": {"name": "note", "value": "x"}}
    response = await served.rpc("completion/complete", params, served.bearer("notes:read"))
    assert (response.status_code, response.json()["error"]["code"]) == (400, -32602)


@pytest.mark.parametrize("mounted", [True, False])
async def test_each_version_of_a_tool_is_decided_by_its_own_rule(serve: Serve, mounted: bool) -> None:
    mcp = versioned_server()
    if mounted:
        mcp = FastMCP("parent")
        mcp.mount(versioned_server())
    served = await serve(mcp)

    async def call(version: str | None, **claims: Any) -> str:
        meta = {**MODERN, **({} if version is None else {"fastmcp": {"version": version}})}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "report", "_meta": meta}}
        headers = {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": "report",
            **served.bearer("notes:read", **claims),
        }
        return json.dumps(result_of(await served.http.post("/mcp", json=body, headers=headers))["result"]["content"])

    assert "open" in await call(None)
    assert "open" in await call("2")
    assert await call("1") == await call("3")
    assert "secret" in await call("1", realm_access={"roles": ["admin"]})


async def test_the_gate_decides_by_the_version_that_is_asked_for(serve: Serve) -> None:
    mcp: FastMCP[Any] = FastMCP("versions")

    @mcp.tool(name="report", version="1")
    @requires("notes:write")
    async def first() -> str:
        return "first"

    @mcp.tool(name="report", version="2")
    @public
    async def second() -> str:
        return "second"

    served = await serve(mcp)
    for meta, status in (({}, 200), ({"fastmcp": {"version": "1"}}, 401), ({"fastmcp": {"version": 1}}, 200)):
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "report", "_meta": meta}}
        accept = {"accept": "application/json, text/event-stream"}
        assert (await served.http.post("/mcp", json=body, headers=accept)).status_code == status

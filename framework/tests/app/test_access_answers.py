"""Lists as clients read them: security schemes, alternatives in challenges, and who may share a cached list."""

import json
from typing import Any

import pytest
from fastmcp import FastMCP
from protected import Serve, Served, mixed_server, private_server, result_of

from gatelodge import current_principal, public, requires
from gatelodge.app.bridge.rules import schemes_of

LISTS = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"]


def scheme_server() -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP("schemes")

    @mcp.tool
    @public
    async def ping() -> str:
        return "pong"

    @mcp.tool
    @public(scopes=["notes:read"])
    async def greet() -> str:
        caller = current_principal()
        return caller.subject if caller else "stranger"

    @mcp.tool
    @requires("notes:read")
    async def read() -> str:
        return "read"

    @mcp.tool
    @requires("notes:read", any_of=["mail:write", "post:write"])
    async def share() -> str:
        return "shared"

    @mcp.tool
    @requires()
    async def whoami() -> str:
        return "you"

    return mcp


async def schemes(served: Served, headers: dict[str, str]) -> dict[str, Any]:
    tools = result_of(await served.rpc("tools/list", headers=headers))["result"]["tools"]
    return {tool["name"]: tool["_meta"]["securitySchemes"] for tool in tools}


async def test_each_tool_says_how_it_is_authorised(serve: Serve) -> None:
    served = await serve(scheme_server())
    expected = {
        "ping": [{"type": "noauth"}],
        "greet": [{"type": "noauth"}, {"type": "oauth2", "scopes": ["notes:read"]}],
        "read": [{"type": "oauth2", "scopes": ["notes:read"]}],
        "share": [{"type": "oauth2", "scopes": ["mail:write", "notes:read"]}],
        "whoami": [{"type": "oauth2", "scopes": []}],
    }
    assert await schemes(served, {}) == expected
    assert await schemes(served, served.bearer("notes:read", "post:write")) == expected


def test_what_is_undeclared_offers_no_way_in() -> None:
    assert schemes_of(None) == []


async def test_a_public_tool_uses_a_token_when_there_is_one(serve: Serve) -> None:
    served = await serve(scheme_server())
    call = {"name": "greet", "arguments": {}}
    assert result_of(await served.rpc("tools/call", call))["result"]["structuredContent"] == {"result": "stranger"}
    known = await served.rpc("tools/call", call, served.bearer(sub="u1"))
    assert result_of(known)["result"]["structuredContent"] == {"result": "u1"}
    assert (await served.rpc("tools/call", call, served.bearer(exp=1))).status_code == 401


@pytest.mark.parametrize("scopes", [(), ("notes:read",), ("notes:write",)])
async def test_one_challenge_names_all_scopes_and_the_first_alternative(serve: Serve, scopes: tuple[str, ...]) -> None:
    served = await serve(scheme_server())
    response = await served.rpc("tools/call", {"name": "share", "arguments": {}}, served.bearer(*scopes))
    assert response.status_code == 403
    assert 'scope="mail:write notes:read"' in response.headers["www-authenticate"]


async def test_any_alternative_lets_the_call_through(serve: Serve) -> None:
    served = await serve(scheme_server())
    for alternative in ("mail:write", "post:write"):
        headers = served.bearer("notes:read", alternative)
        response = await served.rpc("tools/call", {"name": "share", "arguments": {}}, headers)
        assert result_of(response)["result"]["structuredContent"] == {"result": "shared"}


async def test_alternatives_and_optional_scopes_are_among_those_that_can_be_asked_for(serve: Serve) -> None:
    rules = [
        (requires(any_of=["notes:read", "notes:write"]), True),
        (public(scopes=["notes:write"]), True),
        (requires("notes:read"), False),
    ]
    for rule, named in rules:
        mcp: FastMCP[Any] = FastMCP("one")
        mcp.tool(rule(lambda: "x"), name="one")
        served = await serve(mcp)
        document = (await served.http.get("/.well-known/oauth-authorization-server")).json()
        assert ("notes:write" in document["scopes_supported"]) is named


def cached(mcp: FastMCP[Any], *, scope: str = "public") -> FastMCP[Any]:
    """The same components on a server whose author lets clients cache for a minute."""
    parent: FastMCP[Any] = FastMCP("cached", cache_ttl=60, cache_scope=scope)  # type: ignore[arg-type]
    parent.mount(mcp)
    return parent


@pytest.mark.parametrize("method", LISTS)
async def test_lists_that_depend_on_the_caller_are_private_whatever_the_author_says(serve: Serve, method: str) -> None:
    for mcp in (private_server(), mixed_server(), scheme_server()):
        served = await serve(cached(mcp))
        result = result_of(await served.rpc(method, headers=served.bearer("notes:read")))["result"]
        assert (result["cacheScope"], result["ttlMs"]) == ("private", 60_000)
    served = await serve(private_server())
    result = result_of(await served.rpc(method, headers=served.bearer("notes:read")))["result"]
    assert result["cacheScope"] == "private"


@pytest.mark.parametrize("method", [*LISTS, "server/discover"])
async def test_lists_of_public_components_only_may_be_shared(serve: Serve, method: str) -> None:
    def everything() -> FastMCP[Any]:
        mcp: FastMCP[Any] = FastMCP("open")
        mcp.tool(public(lambda: "pong"), name="ping")
        return mcp

    for scope in ("public", "private"):
        served = await serve(cached(everything(), scope=scope))
        result = result_of(await served.rpc(method))["result"]
        assert (result["cacheScope"], result["ttlMs"]) == (scope, 60_000)


async def test_a_denial_is_logged_with_its_rule_and_without_the_token(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(private_server())
    headers = served.bearer("notes:read")
    with caplog.at_level("INFO", logger="gatelodge.app.gate"):
        await served.rpc("tools/call", {"name": "purge", "arguments": {}}, headers)
        await served.rpc("tools/call", {"name": "write", "arguments": {}}, headers)
    assert "denied by rule roles" in caplog.text
    assert "step-up by rule scopes, scopes notes:write" in caplog.text
    assert headers["authorization"].removeprefix("Bearer ") not in caplog.text


async def test_a_later_component_is_decided_and_listed_like_the_others(serve: Serve) -> None:
    mcp = private_server()
    served = await serve(mcp)
    mcp.tool(requires("late:read")(lambda: "late"), name="late")
    listed = await served.rpc("tools/list", headers=served.bearer())
    assert '"late:read"' in json.dumps(result_of(listed))
    refused = await served.rpc("tools/call", {"name": "late", "arguments": {}}, served.bearer())
    assert (refused.status_code, 'scope="late:read"' in refused.headers["www-authenticate"]) == (403, True)

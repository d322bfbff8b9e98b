"""A protected server as clients see it: challenges, the three access answers, metadata, health, guards."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP
from problems import members, told
from protected import ISSUER, PUBLIC_URL, Serve, mixed_server, private_server, result_of

from gatelodge import protect, public, requires
from gatelodge.app.bridge.server import ComponentUndeclared
from gatelodge.core.codes import Code
from gatelodge.settings.server import ServerSettings

METADATA = "https://localhost:8443/.well-known/oauth-protected-resource/mcp"


def names(response: httpx2.Response, kind: str = "tools") -> list[str]:
    return sorted(item["name"] for item in result_of(response)["result"][kind])


@pytest.mark.requirement("RFC6750-3-challenge", "RFC6750-3-once", "RFC6750-3-scheme", "RFC6750-3.1-no-error")
@pytest.mark.requirement("MCP26-AUTH-02a", "MCP26-AUTH-03", "MCP26-AUTH-10")
@pytest.mark.requirement("MCP25-AUTH-02", "MCP25-AUTH-03", "MCP25-AUTH-10")
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_every_method_without_a_token_gets_the_challenge(serve: Serve, method: str, path: str) -> None:
    served = await serve(private_server())
    response = await served.http.request(method, path, content=b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
    assert response.status_code == 401
    challenge = response.headers["www-authenticate"]
    assert challenge == f'Bearer resource_metadata="{METADATA}", scope="notes:read"'


@pytest.mark.requirement("RFC6750-3-error", "RFC6750-3.1-invalid-token", "RFC9068-4-errors", "MCP26-AUTH-06")
@pytest.mark.requirement("MCP26-AUTH-10", "MCP25-AUTH-06", "MCP25-AUTH-10")
async def test_a_bad_token_is_answered_with_invalid_token_and_constant_text(serve: Serve) -> None:
    served = await serve(private_server())
    bodies = set()
    for claims in ({"aud": "https://other/mcp"}, {"exp": 1}, {"iss": "https://evil.example"}, {"typ": "ID"}):
        response = await served.rpc("tools/list", headers=served.bearer("notes:read", **claims))
        assert response.status_code == 401
        assert 'error="invalid_token"' in response.headers["www-authenticate"]
        assert told(response, media="application/json") == members(Code.TOKEN_REJECTED, "invalid_token")
        bodies.add(response.text.replace(response.headers["x-request-id"], "id"))
    assert len(bodies) == 1


@pytest.mark.requirement("RFC6750-2-one-header", "RFC6750-3.1-invalid-request", "MCP26-AUTH-10", "MCP25-AUTH-10")
async def test_two_authorization_headers_are_a_bad_request(serve: Serve) -> None:
    served = await serve(private_server())
    header = served.bearer("notes:read")["authorization"]
    response = await served.http.post("/mcp", headers=[("authorization", header), ("authorization", header)])
    assert response.status_code == 400
    assert 'error="invalid_request"' in response.headers["www-authenticate"]


async def test_an_outage_of_the_issuer_is_503_with_retry_after_and_not_401(serve: Serve) -> None:
    served = await serve(private_server())
    served.issuer.unreachable = True
    response = await served.rpc("tools/list", headers=served.bearer("notes:read"))
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert "www-authenticate" not in response.headers


async def test_a_tool_with_the_scope_runs_as_the_tokens_subject(serve: Serve) -> None:
    served = await serve(private_server())
    response = await served.rpc("tools/call", {"name": "read", "arguments": {}}, served.bearer("notes:read", sub="u1"))
    assert result_of(response)["result"]["structuredContent"] == {"result": "u1"}


@pytest.mark.requirement("RFC6750-3.1-insufficient-scope", "RFC9700-2.3-scope-checked", "MCP26-AUTH-10")
@pytest.mark.requirement("MCP26-AUTH-11", "MCP26-AUTH-12", "MCP25-AUTH-10", "MCP25-AUTH-11")
async def test_a_missing_scope_is_403_with_every_scope_needed_in_one_challenge(serve: Serve) -> None:
    served = await serve(private_server())
    response = await served.rpc("tools/call", {"name": "write", "arguments": {}}, served.bearer("notes:read"))
    assert response.status_code == 403
    challenge = response.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="notes:write"' in challenge
    assert f'resource_metadata="{METADATA}"' in challenge


@pytest.mark.requirement("MCP26-AUTH-13")
async def test_writing_implies_reading(serve: Serve) -> None:
    served = await serve(private_server())
    response = await served.rpc("tools/call", {"name": "read", "arguments": {}}, served.bearer("notes:write"))
    assert result_of(response)["result"].get("isError") is not True


async def test_step_up_tools_are_listed_with_their_scopes_and_denied_ones_are_not(serve: Serve) -> None:
    served = await serve(private_server())
    response = await served.rpc("tools/list", headers=served.bearer("notes:read"))
    assert names(response) == ["read", "write"]
    tools = {tool["name"]: tool for tool in result_of(response)["result"]["tools"]}
    assert tools["write"]["_meta"]["securitySchemes"] == [{"type": "oauth2", "scopes": ["notes:write"]}]
    admin = served.bearer("notes:read", realm_access={"roles": ["admin"]})
    assert names(await served.rpc("tools/list", headers=admin)) == ["purge", "read", "write"]


async def test_a_denied_tool_is_answered_exactly_as_an_unknown_one(serve: Serve) -> None:
    served = await serve(private_server())
    answers = []
    for name in ("purge", "nosuch"):
        response = await served.rpc("tools/call", {"name": name, "arguments": {}}, served.bearer("notes:read"))
        answers.append((response.status_code, json.dumps(result_of(response)).replace(name, "NAME")))
    assert answers[0] == answers[1]
    assert "Unknown tool" in answers[0][1]


async def test_prompts_follow_the_same_rules(serve: Serve) -> None:
    served = await serve(private_server())
    reader = served.bearer("notes:read")
    # The request's id is a caller's own to choose: with the same one two answers can be compared whole.
    reader["x-request-id"] = "the-same-in-both"
    assert names(await served.rpc("prompts/list", headers=reader), "prompts") == ["summary"]
    assert "result" in result_of(await served.rpc("prompts/get", {"name": "summary"}, reader))
    denied = await served.rpc("prompts/get", {"name": "secret_summary"}, reader)
    unknown = await served.rpc("prompts/get", {"name": "nosuch"}, reader)
    assert denied.status_code == unknown.status_code
    assert denied.text.replace("secret_summary", "NAME") == unknown.text.replace("nosuch", "NAME")
    assert (await served.rpc("prompts/get", {"name": "summary"}, served.bearer("openid"))).status_code == 403


async def test_resources_follow_the_same_rules(serve: Serve) -> None:
    served = await serve(private_server())
    reader = {**served.bearer("notes:read"), "x-request-id": "the-same-in-both"}

    async def read(uri: str) -> httpx2.Response:
        return await served.rpc("resources/read", {"uri": uri}, {**reader, "mcp-name": uri})

    listed = result_of(await served.rpc("resources/list", headers=reader))["result"]["resources"]
    assert [item["uri"] for item in listed] == ["notes://all"]
    templates = result_of(await served.rpc("resources/templates/list", headers=reader))["result"]["resourceTemplates"]
    assert [item["uriTemplate"] for item in templates] == ["notes://by-id/{note}"]
    assert "all notes" in (await read("notes://all")).text
    assert (await read("notes://by-id/7")).status_code == 403
    denied, unknown = await read("notes://secret"), await read("notes://nosuch")
    assert denied.status_code == unknown.status_code
    assert denied.text.replace("secret", "X") == unknown.text.replace("nosuch", "X")


async def test_discovery_and_public_tools_need_no_token_on_a_mixed_server(serve: Serve) -> None:
    served = await serve(mixed_server())
    assert names(await served.rpc("tools/list")) == ["add", "read"]
    response = await served.rpc("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
    assert result_of(response)["result"]["structuredContent"] == {"result": 3}
    refused = await served.rpc("tools/call", {"name": "read", "arguments": {}})
    assert refused.status_code == 401
    assert 'scope="notes:read"' in refused.headers["www-authenticate"]
    assert "error=" not in refused.headers["www-authenticate"]


async def test_custom_routes_are_served_outside_the_gate_when_public(serve: Serve) -> None:
    served = await serve(mixed_server())
    assert (await served.http.get("/page")).text == "page"


@pytest.mark.requirement("MCP26-HTTP-one-endpoint", "MCP26-HTTP-body-decides", "MCP25-AUTH-11", "MCP25-AUTH-15b")
@pytest.mark.requirement("MCP25-HTTP-negotiation")
async def test_the_older_era_is_served_on_the_same_endpoint(serve: Serve) -> None:
    served = await serve(private_server())
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    headers = {"accept": "application/json, text/event-stream", **served.bearer("notes:read")}
    response = await served.http.post("/mcp/", json=body, headers=headers)
    assert result_of(response)["result"]["protocolVersion"] == "2025-11-25"
    assert "mcp-session-id" not in response.headers
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "write", "arguments": {}}}
    response = await served.http.post("/mcp", json=call, headers=headers)
    assert response.status_code == 403


@pytest.mark.parametrize(
    ("body", "status"), [(b"[]", 400), (b"{", 400), (b'{"a":1,"a":2}', 400), (b"x" * (4 * 1024 * 1024 + 1), 413)]
)
async def test_unusable_bodies_are_refused_before_fastmcp(serve: Serve, body: bytes, status: int) -> None:
    served = await serve(private_server())
    response = await served.http.post("/mcp", content=body, headers=served.bearer("notes:read"))
    assert response.status_code == status
    assert response.json()["error"] == "invalid_request"


@pytest.mark.requirement("RFC9728-2-scopes", "RFC9728-3.1-path-inserted", "RFC9728-3.3-resource-equals")
@pytest.mark.requirement("MCP26-AUTH-01", "MCP26-AUTH-02b", "MCP26-AUTH-04", "MCP25-AUTH-01", "MCP25-AUTH-02")
async def test_resource_metadata_is_the_same_at_the_path_form_and_the_root(serve: Serve) -> None:
    served = await serve(private_server())
    path, root = [await served.http.get(f"/.well-known/oauth-protected-resource{suffix}") for suffix in ("/mcp", "")]
    assert path.json() == root.json()
    assert path.json()["resource"] == PUBLIC_URL
    assert path.json()["authorization_servers"] == [ISSUER]
    assert path.json()["scopes_supported"] == ["notes:read"]
    assert path.headers["access-control-allow-origin"] == "*"


@pytest.mark.requirement("MCP26-AUTH-20", "MCP25-AUTH-20")
async def test_the_issuers_curated_metadata_is_on_the_servers_own_origin(serve: Serve) -> None:
    served = await serve(private_server())
    for suffix in ("", "/mcp"):
        document = (await served.http.get(f"/.well-known/oauth-authorization-server{suffix}")).json()
        assert document["issuer"] == ISSUER
        assert document["code_challenge_methods_supported"] == ["S256"]
        assert {"notes:read", "notes:write", "offline_access"} <= set(document["scopes_supported"])
    served.issuer.unreachable = True


async def test_metadata_without_an_issuer_is_503(serve: Serve) -> None:
    served = await serve(private_server())
    served.issuer.unreachable = True
    assert (await served.http.get("/.well-known/oauth-authorization-server")).status_code == 503


async def test_other_well_known_paths_are_404_in_json(serve: Serve) -> None:
    served = await serve(private_server())
    response = await served.http.get("/.well-known/openid-configuration/realms/mcp")
    assert response.status_code == 404
    assert told(response) == members(Code.NOT_FOUND)


async def test_metadata_answers_browser_preflights(serve: Serve) -> None:
    served = await serve(private_server())
    response = await served.http.options("/.well-known/oauth-protected-resource/mcp")
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "*"


async def test_a_browser_tool_on_loopback_may_read_the_challenge(serve: Serve) -> None:
    served = await serve(private_server())
    origin = {"origin": "http://localhost:6274"}
    response = await served.rpc("tools/list", headers=origin)
    assert response.status_code == 401
    assert response.headers["access-control-allow-origin"] == origin["origin"]
    assert "WWW-Authenticate" in response.headers["access-control-expose-headers"]
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,mcp-method"}
    assert (await served.http.options("/mcp", headers={**origin, **asked})).status_code == 200


@pytest.mark.requirement("MCP26-HTTP-origin", "MCP25-HTTP-origin")
async def test_a_foreign_origin_is_refused_even_with_a_good_token(serve: Serve) -> None:
    served = await serve(private_server())
    response = await served.rpc("tools/list", headers={"origin": "https://evil.example", **served.bearer("notes:read")})
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.requirement("MCP26-HTTP-origin", "MCP25-HTTP-origin")
async def test_loopback_origins_are_foreign_in_production(serve: Serve) -> None:
    served = await serve(private_server(), mode="production")
    response = await served.rpc(
        "tools/list", headers={"origin": "http://localhost:6274", **served.bearer("notes:read")}
    )
    assert response.status_code == 403


async def test_a_foreign_host_is_refused_except_for_health(serve: Serve) -> None:
    served = await serve(private_server(), mode="production")
    assert (await served.http.get("/mcp", headers={"host": "evil.example"})).status_code == 421
    assert (await served.http.get("/health/live", headers={"host": "10.0.0.7:8000"})).status_code == 200


async def test_ready_means_that_tokens_can_be_checked(serve: Serve) -> None:
    served = await serve(private_server())
    served.issuer.unreachable = True
    response = await served.http.get("/health/ready")
    assert (response.status_code, told(response)["waiting_for"]) == (503, "authorization server")
    served.issuer.unreachable = False
    served.clock.advance(60)
    up = {"status": "up", "age_seconds": 0, "latency_ms": 0}
    assert (await served.http.get("/health/ready")).json() == {"status": "ready", "checks": {"keys": up}}


async def test_components_without_a_rule_refuse_to_start_and_are_all_named(serve: Serve) -> None:
    mcp: FastMCP[Any] = FastMCP("undeclared")

    @mcp.tool
    async def bare() -> str:
        return "x"

    @mcp.custom_route("/open", methods=["GET"])
    async def page(_: Any) -> Any:
        return None

    with pytest.raises(ComponentUndeclared) as caught:
        await serve(mcp)
    assert "tool 'bare'" in caught.value.detail
    assert "route '/open'" in caught.value.detail
    assert "@requires" in caught.value.hint


async def test_a_route_that_demands_a_token_refuses_to_start_because_nothing_would_check_it(serve: Serve) -> None:
    mcp: FastMCP[Any] = FastMCP("routes")

    @mcp.custom_route("/secret", methods=["GET"])
    @requires("notes:read")
    async def page(_: Any) -> Any:
        return None

    with pytest.raises(ComponentUndeclared, match="/secret") as caught:
        await serve(mcp)
    assert "@public" in caught.value.hint


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null"])
async def test_a_stranger_gets_the_challenge_whatever_the_body_is(serve: Serve, body: bytes) -> None:
    for mcp in (private_server(), mixed_server()):
        response = await (await serve(mcp)).http.post("/mcp", content=body)
        assert response.status_code == 401
        assert "resource_metadata" in response.headers["www-authenticate"]


async def test_a_strangers_body_is_not_read_where_nothing_is_public(serve: Serve) -> None:
    served = await serve(private_server())

    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(b"{")
        yield b"{"

    assert (await served.http.post("/mcp", content=body())).status_code == 401
    assert read == []


async def test_a_refused_start_tells_the_server_process_the_reason_in_words() -> None:
    mcp: FastMCP[Any] = FastMCP("undeclared")
    mcp.tool(lambda: "x", name="bare")
    app = protect(mcp, ServerSettings(public_url=PUBLIC_URL, issuer=ISSUER))
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(ComponentUndeclared):
        await app({"type": "lifespan", "app": app, "state": {}}, receive, send)
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert sent[0]["message"].startswith("no access rule on tool 'bare'")
    assert "Traceback" not in sent[0]["message"]


async def test_a_tool_added_later_without_a_rule_is_neither_listed_nor_callable(serve: Serve) -> None:
    mcp = private_server()
    served = await serve(mcp)
    mcp.tool(lambda: "leaked", name="late")
    reader = served.bearer("notes:read")
    assert "late" not in names(await served.rpc("tools/list", headers=reader))
    response = await served.rpc("tools/call", {"name": "late", "arguments": {}}, reader)
    assert "leaked" not in response.text


async def test_rules_are_found_on_tools_of_mounted_servers(serve: Serve) -> None:
    parent: FastMCP[Any] = FastMCP("parent")
    parent.mount(private_server(), namespace="child")
    served = await serve(parent)
    reader = served.bearer("notes:read")
    assert names(await served.rpc("tools/list", headers=reader)) == ["child_read", "child_write"]
    assert (await served.rpc("tools/call", {"name": "child_write"}, reader)).status_code == 403
    assert "Unknown tool" in (await served.rpc("tools/call", {"name": "child_purge"}, reader)).text


def test_a_server_with_an_auth_provider_of_its_own_is_refused() -> None:
    from fastmcp.server.auth.providers.jwt import StaticTokenVerifier

    mcp: FastMCP[Any] = FastMCP("own", auth=StaticTokenVerifier(tokens={}))
    with pytest.raises(ComponentUndeclared, match="auth provider of its own"):
        protect(mcp, ServerSettings(public_url=PUBLIC_URL, issuer=ISSUER))


async def test_fastmcps_own_access_token_dependency_keeps_working(serve: Serve) -> None:
    from fastmcp.server.dependencies import get_access_token

    mcp: FastMCP[Any] = FastMCP("dependency")

    @mcp.tool
    @requires("notes:read")
    async def who() -> dict[str, Any]:
        token = get_access_token()
        assert token is not None
        return {"client": token.client_id, "scopes": sorted(token.scopes), "subject": token.subject}

    served = await serve(mcp)
    headers = served.bearer("notes:read", "openid", azp="client-1", sub="user-1")
    response = await served.rpc("tools/call", {"name": "who", "arguments": {}}, headers)
    assert result_of(response)["result"]["structuredContent"] == {
        "client": "client-1",
        "scopes": ["notes:read", "openid"],
        "subject": "user-1",
    }


async def test_a_public_tool_without_a_token_has_no_principal(serve: Serve) -> None:
    from gatelodge import current_principal

    mcp: FastMCP[Any] = FastMCP("anonymous")

    @mcp.tool
    @public
    async def who() -> bool:
        return current_principal() is None

    served = await serve(mcp)
    response = await served.rpc("tools/call", {"name": "who", "arguments": {}})
    assert result_of(response)["result"]["structuredContent"] == {"result": True}

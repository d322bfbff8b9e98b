"""A server of linked accounts as its clients see it: tools, scopes, routes, and starts that are refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP
from lifespan import alive
from protected import Served
from starlette.applications import Starlette

from gatelodge import SettingsInvalid, protect
from gatelodge.core.problem import META
from gatelodge.toolpacks.packs import NAMES, PackUnknown, load

LINK = "https://localhost:8443/workspace/accounts?link=github"
GITHUB = {"GATELODGE_GITHUB_CLIENT_ID": "client", "GATELODGE_GITHUB_CLIENT_SECRET": "canary-secret"}
WHO = {"name": "get_github_user_info", "arguments": {}}
OPENS_URLS: dict[str, Any] = {"elicitation": {"url": {}}}


async def ask(
    served: Served, method: str, params: dict[str, Any], *scopes: str, version: str = "2026-07-28", can: Any = None
) -> httpx2.Response:
    """One request with a token of these scopes, of a client that says what it can do."""
    headers = {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-protocol-version": version,
        **served.bearer(*scopes),
    }
    if version == "2026-07-28":
        headers |= {"mcp-method": method} | ({"mcp-name": params["name"]} if "name" in params else {})
        meta = {"protocolVersion": version, "clientCapabilities": can or {}}
        params = {**params, "_meta": {f"io.modelcontextprotocol/{name}": value for name, value in meta.items()}}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return await served.http.post("/workspace/mcp", content=json.dumps(body), headers=headers)


def answer(response: httpx2.Response) -> dict[str, Any]:
    text = response.text
    if "text/event-stream" in response.headers["content-type"]:
        text = next(line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: "))
    found: dict[str, Any] = json.loads(text)
    return found


async def test_tools_of_a_provider_that_is_not_configured_are_unlisted_and_unknown(start: Any) -> None:
    served = await start("github", "coda", **GITHUB)
    listed = answer(await ask(served, "tools/list", {}, "workspace:read", "workspace:write"))["result"]["tools"]
    names = {tool["name"] for tool in listed}
    assert "get_github_user_info" in names
    hidden = {tool.name for tool in load("coda").tools}
    assert "list_docs" in hidden
    assert not hidden & names
    unknown = answer(await ask(served, "tools/call", {"name": "list_docs", "arguments": {}}, "workspace:read"))
    nobody = answer(await ask(served, "tools/call", {"name": "no_such_tool", "arguments": {}}, "workspace:read"))
    assert json.dumps(unknown).replace("list_docs", "no_such_tool") == json.dumps(nobody)


@pytest.mark.parametrize("beside", [False, True])
async def test_a_pack_of_two_providers_needs_both(start: Any, beside: bool) -> None:
    given = ("SLACK", "JIRA") if beside else ("SLACK",)
    configured = {f"GATELODGE_{name}_CLIENT_{what}": "given" for name in given for what in ("ID", "SECRET")}
    served = await start("slack", "channels", **configured)
    listed = answer(await ask(served, "tools/list", {}, "workspace:read", "workspace:write"))["result"]["tools"]
    names = {tool["name"] for tool in listed}
    assert "list_slack_channels" in names
    assert ("create_issue_from_channel" in names) is beside


async def test_clients_can_sign_in_before_any_provider_is_configured(start: Any) -> None:
    served = await start("github")
    document = (await served.http.get("/.well-known/oauth-protected-resource/workspace/mcp")).json()
    assert document["scopes_supported"] == ["workspace:read"]
    assert answer(await ask(served, "tools/list", {}, "workspace:read"))["result"]["tools"] == []
    assert (await served.http.get("/workspace/accounts")).status_code == 200


async def test_a_tool_is_listed_with_hints_and_result_and_without_the_parameter_that_is_bound(start: Any) -> None:
    served = await start("github", **GITHUB)
    listed = answer(await ask(served, "tools/list", {}, "workspace:read", "workspace:write"))["result"]["tools"]
    tools = {tool["name"]: tool for tool in listed}
    who, make = tools["get_github_user_info"], tools["create_github_issue"]
    assert set(who["inputSchema"]["properties"]) == {"username", "include_repos", "repo_limit"}
    assert who["annotations"]["readOnlyHint"] is True
    assert make["annotations"]["readOnlyHint"] is False
    assert {"notice", "username"} <= set(who["outputSchema"]["properties"])
    assert make["_meta"]["securitySchemes"] == [{"type": "oauth2", "scopes": ["workspace:write"]}]
    prompts = answer(await ask(served, "prompts/list", {}, "workspace:read"))["result"]["prompts"]
    assert [prompt["name"] for prompt in prompts] == ["github_user_summary"]


async def test_every_pack_is_served_beside_the_others(start: Any) -> None:
    names = ("GITHUB", "JIRA", "SLACK", "NOTION")
    configured = {f"GATELODGE_{name}_CLIENT_{what}": "given" for name in names for what in ("ID", "SECRET")}
    served = await start(*NAMES, **configured, GATELODGE_CODA="on", CODA_API_TOKEN="canary-token")
    listed = answer(await ask(served, "tools/list", {}, "workspace:read", "workspace:write"))["result"]["tools"]
    expected = [tool.name for name in NAMES for tool in load(name).tools]
    assert sorted(tool["name"] for tool in listed) == sorted(expected)
    assert len(set(expected)) == len(expected) > 25
    assert all(tool["outputSchema"]["type"] == "object" and "api" not in tool["inputSchema"] for tool in listed)


async def test_a_missing_scope_is_a_step_up(start: Any) -> None:
    served = await start("github", **GITHUB)
    call = {"name": "create_github_issue", "arguments": {"repository": "a/b", "title": "t"}}
    refused = await ask(served, "tools/call", call, "workspace:read")
    assert refused.status_code == 403
    assert 'scope="workspace:write"' in refused.headers["www-authenticate"]


async def test_an_account_that_is_not_linked_is_asked_for_in_the_form_that_the_client_has(start: Any) -> None:
    served = await start("github", **GITHUB)
    old = answer(await ask(served, "tools/call", WHO, "workspace:read", version="2025-11-25"))
    assert old["error"]["code"] == -32042
    [asked] = old["error"]["data"]["elicitations"]
    assert (asked["mode"], asked["url"]) == ("url", LINK)
    assert LINK in old["error"]["message"]
    assert old["error"]["data"]["code"] == "connection_missing"
    assert LINK in old["error"]["data"]["hint"]
    new = answer(await ask(served, "tools/call", WHO, "workspace:read", can=OPENS_URLS))["result"]
    assert new["resultType"] == "input_required"
    assert new["inputRequests"]["link-github"]["params"]["url"] == LINK
    for version, can in (("2025-06-18", None), ("2026-07-28", {}), ("2026-07-28", {"elicitation": {"form": {}}})):
        told = answer(await ask(served, "tools/call", WHO, "workspace:read", version=version, can=can))["result"]
        assert told["isError"] is True
        assert LINK in told["content"][0]["text"]
        assert told["_meta"][META]["code"] == "connection_missing"
        assert LINK in told["_meta"][META]["hint"]


@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
async def test_who_comes_back_without_a_linked_account_is_not_asked_for_ever(start: Any, action: str) -> None:
    served = await start("github", **GITHUB)
    again = {**WHO, "inputResponses": {"link-github": {"action": action}}}
    told = answer(await ask(served, "tools/call", again, "workspace:read", can=OPENS_URLS))["result"]
    assert told["isError"] is True
    assert LINK in told["content"][0]["text"]


async def test_a_server_that_keeps_no_accounts_sends_nobody_to_link_one(start: Any) -> None:
    served = await start("github", **GITHUB, GATELODGE_TOKEN_STORE="env")
    told = answer(await ask(served, "tools/call", WHO, "workspace:read", can=OPENS_URLS))["result"]
    assert told["isError"] is True
    assert told["content"][0]["text"].startswith("This server keeps no linked accounts.")
    assert LINK not in str(told)
    call = {"method": "GET", "path": "/user"}
    refused = await served.http.post("/workspace/api/github/proxy", json=call, headers=served.bearer("workspace:read"))
    assert (refused.json()["code"], refused.json().get("link_url")) == ("store_read_only", None)


async def test_routes_are_below_the_base_path_and_gone_with_the_server(start: Any) -> None:
    apps: list[Starlette] = []
    served = await start("github", apps=apps, **GITHUB)
    bearer = served.bearer("workspace:read")
    listed = (await served.http.get("/workspace/api/connections", headers=bearer)).json()["connections"]
    assert [entry["provider"] for entry in listed] == ["github"]
    call = {"method": "GET", "path": "/user"}
    refused = await served.http.post("/workspace/api/github/proxy", json=call, headers=bearer)
    assert (refused.status_code, refused.json()["link_url"]) == (409, LINK)
    assert (await served.http.get("/api/connections", headers=bearer)).status_code == 404
    assert (await served.http.get("/workspace/internal/tokens/github?user=a", headers=bearer)).status_code == 404
    hostile = {**bearer, "host": "elsewhere.example"}
    assert (await served.http.get("/workspace/api/connections", headers=hostile)).status_code == 421
    [app] = apps
    before = len(app.router.routes)
    async with alive(protect(FastMCP("other"), packs=("github",))) as _:
        assert len(app.router.routes) == before


async def test_the_proxy_can_be_switched_off(start: Any) -> None:
    served = await start("github", **GITHUB, GATELODGE_PROXY="off")
    call = {"method": "GET", "path": "/user"}
    bearer = served.bearer("workspace:read")
    assert (await served.http.post("/workspace/api/github/proxy", json=call, headers=bearer)).status_code == 404


def test_one_message_names_the_faults_of_all_parts(environment: Callable[..., None]) -> None:
    environment(
        GATELODGE_PUBLIC_URL="http://elsewhere.example/mcp",
        GATELODGE_GITHUB_CLIENT_ID="client",
        GATELODGE_SESSION_TTL="1",
        GATELODGE_PROXY_SECONDS="-1",
        GATELODGE_TOKEN_STORE="drawer",
    )
    with pytest.raises(SettingsInvalid) as refused:
        protect(FastMCP("workspace"), packs=("github",))
    for name in ("PUBLIC_URL", "GITHUB_CLIENT_SECRET", "SESSION_TTL", "PROXY_SECONDS", "TOKEN_STORE"):
        assert f"GATELODGE_{name}:" in refused.value.detail


async def test_coda_without_a_token_refuses_to_start_and_says_where_to_get_one(start: Any) -> None:
    with pytest.raises(SettingsInvalid, match="CODA_API_TOKEN") as refused:
        await start("coda", GATELODGE_CODA="on")
    assert "https://coda.io/account" in refused.value.hint


async def test_coda_starts_with_a_token_of_the_environment(start: Any) -> None:
    served = await start("coda", GATELODGE_CODA="on", CODA_API_TOKEN="canary-token")
    listed = answer(await ask(served, "tools/list", {}, "workspace:read"))["result"]["tools"]
    assert listed


async def test_the_read_only_store_links_nothing_and_serves_the_services(start: Any) -> None:
    served = await start("coda", GATELODGE_CODA="on", CODA_API_TOKEN="canary-token", GATELODGE_TOKEN_STORE="env")
    bearer = served.bearer("workspace:read")
    assert (await served.http.get("/workspace/api/connections", headers=bearer)).status_code == 200


def test_a_pack_that_nobody_knows_is_refused(environment: Callable[..., None]) -> None:
    environment()
    with pytest.raises(PackUnknown, match="fax"):
        protect(FastMCP("workspace"), packs=("github", "fax"))


def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    environment: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment()
    monkeypatch.setitem(sys.modules, "gatelodge.app.connected.service", None)
    with pytest.raises(SettingsInvalid) as refused:
        protect(FastMCP("workspace"), packs=("github",))
    assert "gatelodge[connections]" in refused.value.hint


def test_a_server_without_packs_loads_no_database_no_vault_and_no_provider(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from fastmcp import FastMCP\n"
        "from gatelodge import protect\n"
        "protect(FastMCP('plain'))\n"
        "ours = ('gatelodge.' + part for part in ('app.connected', 'vault', 'storage', 'connections', 'proxy', 'toolpacks'))\n"
        "unwanted = ('sqlalchemy', 'aiosqlite', 'asyncpg', 'redis', *ours)\n"
        "print([name for name in sys.modules if name.startswith(unwanted)])\n"
    )
    environment = {
        "GATELODGE_PUBLIC_URL": "https://localhost:8443/mcp",
        "GATELODGE_ISSUER": "https://localhost:8443/realms/mcp",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", f"{done.stdout}\n{done.stderr}"

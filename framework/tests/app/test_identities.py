"""A protected MCP server with the development token, and what a mode does not make."""

import logging
from pathlib import Path
from typing import Any

import pytest
from protected import Serve, private_server, result_of

from gatelodge.app.identities import identities
from gatelodge.core.clock import SystemClock
from gatelodge.settings.server import ServerSettings

TOKEN = "abcdefghijklmnopqrstuvwx"
BEARER: dict[str, Any] = {
    "auth_mode": "bearer",
    "public_url": "http://localhost:8443/mcp",
    "dev_token": TOKEN,
    "dev_scopes": "notes:read",
}
DEVELOPER = {"authorization": f"Bearer {TOKEN}"}
READ = {"name": "read", "arguments": {}}


async def test_a_developer_uses_tools_with_the_static_token_and_the_log_says_so_aloud(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "gatelodge.app.identities"):
        served = await serve(private_server(), **BEARER)
    said = [record.getMessage() for record in caplog.records if record.name == "gatelodge.app.identities"]
    assert [text.startswith("DEVELOPMENT TOKEN") for text in said] == [True]
    assert TOKEN not in caplog.text
    assert result_of(await served.rpc("tools/call", READ, DEVELOPER))["result"]["content"][0]["text"] == "developer"
    lacking = await served.rpc("tools/call", {"name": "write", "arguments": {}}, DEVELOPER)
    assert (lacking.status_code, lacking.json()["code"]) == (403, "scope_not_given")
    # No sign-in is offered that is not there.
    tools = result_of(await served.rpc("tools/list", {}, DEVELOPER))["result"]["tools"]
    assert [tool["name"] for tool in tools if "securitySchemes" in tool] == []
    assert (await served.http.get("/.well-known/oauth-authorization-server")).status_code == 404
    assert (await served.http.get("/health/ready")).status_code == 200
    assert served.issuer.metadata_fetches == 0


async def test_the_static_token_is_refused_through_a_proxy_and_keycloaks_tokens_are_refused_at_all(
    serve: Serve,
) -> None:
    served = await serve(private_server(), **BEARER)
    for refused in (
        {**DEVELOPER, "x-forwarded-for": "203.0.113.7"},
        served.bearer("notes:read"),
        {"authorization": "Bearer x"},
    ):
        answer = await served.rpc("tools/call", READ, refused)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    stranger = await served.rpc("tools/call", READ)
    assert stranger.status_code == 401
    assert "scope=" not in stranger.headers["www-authenticate"]
    assert (await served.rpc("tools/call", READ, DEVELOPER)).status_code == 200


async def test_the_static_token_is_nothing_in_mode_keycloak(serve: Serve) -> None:
    served = await serve(private_server(), dev_token=TOKEN, dev_scopes="notes:read")
    assert (await served.rpc("tools/call", READ, DEVELOPER)).status_code == 401


def test_a_mode_has_key_sources_of_its_own_signers_only(tmp_path: Path) -> None:
    access: dict[str, Any] = {"access_team_domain": "example.cloudflareaccess.com", "access_aud": "a" * 64}
    keycloak = {"issuer": "https://localhost:8443/realms/mcp", "public_url": "https://localhost:8443/mcp"}
    counts = {}
    for mode, more in (("keycloak", {}), ("cloudflare", access), ("both", access), ("bearer", BEARER)):
        settings = ServerSettings(**{"state_dir": tmp_path, **keycloak, **more, "auth_mode": mode})
        known = identities(settings, SystemClock())
        counts[mode] = (known.keys is not None, len(known.sources))
    assert counts == {"keycloak": (True, 1), "cloudflare": (False, 1), "both": (True, 2), "bearer": (False, 0)}

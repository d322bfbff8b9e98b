"""No token of an account is in a trace: a linked call with a refresh, and one whose refresh is refused, as exported."""

import json
import secrets
from base64 import b64encode
from pathlib import Path
from urllib.parse import parse_qs

import httpx2
from protected import MODERN
from results import record
from trace_receiver import Receiver, receiver, serving
from vaults import new_keyring, open_vault

from gatelodge.core.secret import Secret
from gatelodge.storage.config import DatabaseConfig
from gatelodge.vault.owner import Owner

__all__ = ["receiver"]

ISSUER = "https://localhost:8443/realms/mcp"
# With the real pack, vault and refresh; only the issuer is in the process itself.
SERVER = """
import os
from pathlib import Path
from typing import Any
from fastmcp import FastMCP
from opentelemetry import trace
from gatelodge import protect, public
from gatelodge.core.clock import SystemClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory
mcp: FastMCP[Any] = FastMCP("workspace")
@mcp.tool
@public
async def leak() -> str:
    with trace.get_tracer("author").start_as_current_span("of the author", attributes={"note": os.environ["LEAKED"]}):
        return "leaked"
tokens = TokenFactory(os.environ["GATELODGE_ISSUER"], os.environ["GATELODGE_PUBLIC_URL"], SystemClock())
scopes = ("workspace:read", "workspace:write")
for name in ("alice", "bob"):
    Path(name).write_text(tokens.token(scope=" ".join(scopes), sub=name))
app = protect(mcp, packs=["github"], outbound=FakeIssuer(tokens, scopes=scopes).outbound())
"""


def named(*names: str) -> dict[str, str]:
    """A canary for each name."""
    return {name: f"canary-{name}-{secrets.token_hex(16)}" for name in names}


def call(base: str, tool: str, arguments: dict[str, object], bearer: str) -> str:
    """The text of the answer to one call."""
    headers = {
        "accept": "application/json, text/event-stream",
        "authorization": f"Bearer {bearer}",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": tool,
    }
    params = {"name": tool, "arguments": arguments, "_meta": MODERN}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return httpx2.post(f"{base}/mcp", json=body, headers=headers, timeout=60).text


async def test_no_token_of_an_account_is_in_what_is_exported_of_its_calls_and_refreshes(
    tmp_path: Path, receiver: Receiver
) -> None:
    canaries = named(
        "alice-access", "alice-refresh", "new-access", "new-refresh", "bob-access", "bob-refresh", "client-secret"
    )
    leaked = named("leaked")["leaked"]
    refreshed = list[str]()

    def user(headers: dict[str, str], _: bytes) -> tuple[int, bytes]:
        token = headers["authorization"].removeprefix("Bearer ")
        good = token == canaries["new-access"]
        found = {"login": "octocat", "id": 1} if good else {"message": "Bad credentials"}
        return 200 if good else 401, json.dumps(found).encode()

    def token(_: dict[str, str], body: bytes) -> tuple[int, bytes]:
        given = parse_qs(body.decode())["refresh_token"][0]
        refreshed.append(given)
        pair = {"access_token": canaries["new-access"], "refresh_token": canaries["new-refresh"], "expires_in": 3600}
        # A provider that says in its error what it was sent.
        refused = {"error": "bad_refresh_token", "error_description": f"The refresh token {given} is of nobody."}
        return 200, json.dumps(pair if given == canaries["alice-refresh"] else refused).encode()

    receiver.provider |= {"/user": user, "/token": token}
    keyring, database = new_keyring(), f"sqlite:///{tmp_path / 'vault' / 'test.db'}"
    vault = await open_vault(DatabaseConfig(database), keyring)
    for name in ("alice", "bob"):
        pair = {f"{kind}_token": Secret(canaries[f"{name}-{kind}"]) for kind in ("access", "refresh")}
        await vault.store.put(Owner(ISSUER, name, "github"), pair, actor=f"user:{name}", expires_at=4e9)
    await vault.aclose()
    settings = {
        "GATELODGE_STATE_DIR": str(tmp_path / "state"),
        "GATELODGE_DATABASE_URL": database,
        "GATELODGE_VAULT_KEY": b64encode(keyring.primary.secret).decode(),
        "GATELODGE_GITHUB_CLIENT_ID": "client",
        "GATELODGE_GITHUB_CLIENT_SECRET": canaries["client-secret"],
        "GATELODGE_GITHUB_TOKEN_URL": f"{receiver.url}/token",
        "GATELODGE_GITHUB_API_URL": receiver.url,
        "LEAKED": leaked,
    }
    with serving(tmp_path, receiver, SERVER, **settings) as base:
        alice, bob = ((tmp_path / name).read_text() for name in ("alice", "bob"))
        assert "octocat" in call(base, "get_github_user_info", {"include_repos": False}, alice)
        ended = call(base, "get_github_user_info", {"include_repos": False}, bob)
        assert "accounts?link=github" in ended, ended
        assert "leaked" in call(base, "leak", {}, alice)
    canaries |= {"alice-bearer": alice, "bob-bearer": bob}
    # The server looks after accounts by itself too, so either may come first.
    assert sorted(refreshed) == sorted(canaries[f"{name}-refresh"] for name in ("alice", "bob"))
    names = [s.name for e in receiver.exports for r in e.resource_spans for scope in r.scope_spans for s in scope.spans]
    # Each asks for the account and for a token; alice for the account once more.
    assert names.count("tools/call get_github_user_info") == 2
    assert names.count("POST 127.0.0.1") == len(refreshed)
    assert names.count("GET 127.0.0.1") >= 3
    exported = b"".join(receiver.raw)
    assert leaked.encode() in exported, "what a tool puts into a span itself is found: the search finds what is there"
    found = [name for name, value in canaries.items() if value.encode() in exported]
    record(
        12,
        "traces of a linked call, a refresh and a refused one",
        tried=len(canaries),
        passed=len(canaries) - len(found),
        command=".venv/bin/pytest framework/tests/app/test_tracing_secrets.py",
        negative_control="a canary that a tool puts into a span itself is found",
        figure=f"in all {len(receiver.raw)} exports with {len(names)} spans, as the receiver got them",
    )
    assert found == []

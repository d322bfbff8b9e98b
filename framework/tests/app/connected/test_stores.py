"""Servers on other stores: a token that was moved from the environment to PostgreSQL, sessions in memory and on Redis."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from databases import Postgres, postgres
from protected import MODERN

__all__ = ["postgres"]

TOKEN = "canary-coda-token"


class Coda(BaseHTTPRequestHandler):
    """Coda's whoami, for one token."""

    def do_GET(self) -> None:
        known = self.headers.get("authorization") == f"Bearer {TOKEN}"
        body = {"name": "Our Bot", "loginId": "bot@example.com", "type": "user", "scoped": False, "tokenName": "t"}
        text = json.dumps(body if known else {"statusCode": 401, "message": "Unauthorized"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """No line for each request."""


@contextmanager
def coda() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Coda) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_a_token_moved_from_the_environment_to_postgresql_works_and_goes_on_after_a_restart(
    start: Any, postgres: Postgres, tmp_path: Path
) -> None:
    postgres.sql("CREATE DATABASE workspace")
    settings = {
        "GATELODGE_TOKEN_STORE": "postgres",
        "GATELODGE_DATABASE_URL": postgres.url("workspace"),
        "GATELODGE_VAULT_KEY": b64encode(os.urandom(32)).decode(),
    }
    old = tmp_path / "old.env"
    old.write_text(f"CODA_API_TOKEN={TOKEN}\n")
    moved = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gatelodge", "vault", "migrate", "--env-file", str(old)],
        cwd=tmp_path,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert moved.returncode == 0, moved.stderr
    assert TOKEN not in moved.stdout + moved.stderr
    call = {"name": "whoami", "arguments": {}, "_meta": MODERN}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    with coda() as url:
        for _ in range(2):
            served = await start("coda", **settings, GATELODGE_CODA="on", GATELODGE_CODA_API_URL=url)
            headers = {
                "accept": "application/json, text/event-stream",
                "content-type": "application/json",
                "mcp-protocol-version": "2026-07-28",
                "mcp-method": "tools/call",
                "mcp-name": call["name"],
                **served.bearer("workspace:read"),
            }
            answer = await served.http.post("/workspace/mcp", content=json.dumps(body), headers=headers)
            assert "Our Bot" in answer.text, answer.text
            assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "store",
    [
        {"GATELODGE_SESSION_STORE": "memory"},
        {"GATELODGE_SESSION_STORE": "redis", "GATELODGE_REDIS_URL": "redis://127.0.0.1:1/0"},
    ],
)
async def test_sessions_may_be_kept_elsewhere_and_sign_in_goes_to_the_issuer(start: Any, store: dict[str, str]) -> None:
    served = await start("github", GATELODGE_WEB_CLIENT_SECRET="canary-web", **store)
    answer = await served.http.get("/workspace/accounts/sign-in")
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith("https://localhost:8443/realms/mcp/")
    assert "client_id=gatelodge-web" in answer.headers["location"]
    assert "canary-web" not in str(answer.headers)

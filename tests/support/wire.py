"""MCP requests written by hand, for what client libraries never send."""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
_META = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}


@asynccontextmanager
async def tls_client(ca_file: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """An HTTP client that trusts the stack's authority."""
    async with httpx2.AsyncClient(
        verify=ssl.create_default_context(cafile=str(ca_file)), timeout=60, trust_env=False
    ) as client:
        yield client


def message(method: str, params: Mapping[str, Any], era: str, number: int = 1) -> tuple[bytes, dict[str, str]]:
    """Body and headers of one JSON-RPC request of an era."""
    headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    params = dict(params)
    if era == MODERN:
        params["_meta"] = {**_META, **params.get("_meta", {})}
        headers |= {"mcp-protocol-version": MODERN, "mcp-method": method}
        if "name" in params:
            headers["mcp-name"] = params["name"]
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode(), headers


async def call(
    client: httpx2.AsyncClient,
    url: str,
    method: str,
    params: Mapping[str, Any] | None = None,
    *,
    token: str | None = None,
    era: str = MODERN,
) -> httpx2.Response:
    """Send one request and read the whole answer."""
    body, headers = message(method, params or {}, era)
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    return await client.post(url, content=body, headers=headers)


def answer_of(response: httpx2.Response) -> dict[str, Any]:
    """The JSON-RPC message of a JSON or SSE answer."""
    text = response.text
    if "text/event-stream" in response.headers.get("content-type", ""):
        text = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: {")][-1]
    found: dict[str, Any] = json.loads(text)
    return found

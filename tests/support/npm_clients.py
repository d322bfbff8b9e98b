"""The npm clients of the end-to-end tests: links with them, signs in for them.

``typescript`` links with the TypeScript SDK's client (``clients/link.mjs``), ``mcp_remote`` with mcp-remote's own test
client. Invariant: the clients run with an environment of their own: no browser, no display, no state of the user's.
Not here: the install (``npm_install``); what a link must bring about (the tests assert that).
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from npm_install import NpmUnavailable, install_locked

from gatelodge.ops.link.target import LinkTarget

__all__ = ["Installed", "NpmLink", "NpmLinkFailed", "install", "installed_or_skip"]

_CLIENTS = Path(__file__).resolve().parents[1] / "e2e" / "clients"
_LINK_SECONDS = 60


class NpmLinkFailed(Exception):
    """A client ended without a link; the text holds what it said last. ``client_id``: what it had registered."""

    def __init__(self, detail: str, client_id: str | None) -> None:
        super().__init__(detail)
        self.client_id = client_id


@dataclass(frozen=True, slots=True)
class NpmLink:
    """What a client reports of its link. ``scope`` is what it asked for or was granted, ``""`` when it says neither."""

    client_id: str
    scope: str
    tools: tuple[str, ...]
    protocol_version: str | None = None


@dataclass(frozen=True, slots=True)
class Installed:
    """The clients on disk: node's executable and the folder with ``node_modules``."""

    node: Path
    folder: Path

    async def typescript(self, target: LinkTarget, era: Literal["legacy", "auto", "modern"] = "auto") -> NpmLink:
        """Link with the TypeScript SDK's client, call search and fetch. Raises: NpmLinkFailed."""
        client_id, said = None, ""
        async with self._run(target, "link.mjs", target.mcp_url, era, target.query) as process:
            assert process.stdout is not None
            async for raw in process.stdout:
                line: dict[str, Any] = json.loads(raw)
                if url := line.get("authorize"):
                    client_id = _client_id(url)
                    await target.browser().deliver(url)
                elif linked := line.get("linked"):
                    return NpmLink(
                        linked["client_id"], linked["scope"], tuple(linked["tools"]), linked["protocol_version"]
                    )
                else:
                    said = str(line.get("failed"))
        raise NpmLinkFailed(f"the TypeScript client did not link: {said}", client_id)

    async def mcp_remote(self, target: LinkTarget, protocol: Literal["legacy", "auto"] = "legacy") -> NpmLink:
        """Link with mcp-remote's test client, which lists the tools. Raises: NpmLinkFailed."""
        client = "node_modules/mcp-remote/dist/client.js"
        authorize, listening, delivered, lines = "", False, False, list[str]()
        async with self._run(target, client, target.mcp_url, "--protocol", protocol) as process:
            assert process.stderr is not None
            async for raw in process.stderr:
                line = raw.decode(errors="replace").rstrip()
                lines.append(line)
                if found := re.search(r"https://\S+[?&]response_type=code\S*", line):
                    authorize = found[0]
                listening = listening or "OAuth callback server running" in line
                # It prints the URL before it listens or after, as the server answers: wait for both.
                if authorize and listening and not delivered:
                    await target.browser().deliver(authorize)
                    delivered = True
        client_id = _client_id(authorize)
        tools = _tools(lines)
        if client_id is None or not tools:
            last = " / ".join(line for line in lines[-8:] if line and "code=" not in line)
            raise NpmLinkFailed(f"mcp-remote did not link: {last[:600]}", client_id)
        scope = (parse_qs(urlsplit(authorize).query).get("scope") or [""])[0]
        return NpmLink(client_id, scope, tools)

    @contextlib.asynccontextmanager
    async def _run(self, target: LinkTarget, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        with tempfile.TemporaryDirectory(prefix="gatelodge-npm-") as home:
            process = await asyncio.create_subprocess_exec(
                str(self.node),
                *arguments,
                cwd=self.folder,
                env=_environment(home, target.ca_file),
                # An input that ends is a sign to mcp-remote that its user is gone.
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE if "mcp-remote" in arguments[0] else asyncio.subprocess.DEVNULL,
                limit=1 << 20,
            )
            try:
                async with asyncio.timeout(_LINK_SECONDS):
                    yield process
            except TimeoutError as error:
                raise NpmLinkFailed(f"{arguments[0]} did not end within {_LINK_SECONDS} s", None) from error
            finally:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                await process.wait()
                if process.stdin is not None:
                    process.stdin.close()


def installed_or_skip() -> Installed:
    """The installed clients, or a skip with the reason."""
    try:
        return install()
    except NpmUnavailable as reason:
        pytest.skip(f"npm clients: {reason}")


def install(cache: Path | None = None) -> Installed:
    """Install from the lock file into the cache folder, once per lock. Raises: NpmUnavailable."""
    node, folder = install_locked(_CLIENTS, cache)
    # The script changes more often than the lock, and runs beside its modules.
    fresh = folder / f"link.{os.getpid()}.mjs"
    shutil.copyfile(_CLIENTS / "link.mjs", fresh)
    fresh.replace(folder / "link.mjs")
    return Installed(node, folder)


def _environment(home: str, ca_file: Path | None) -> dict[str, str]:
    """Nothing of the user's: `BROWSER` and no display keep mcp-remote from opening a window."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": home, "MCP_REMOTE_CONFIG_DIR": home, "BROWSER": "true"}
    return environment | ({"NODE_EXTRA_CA_CERTS": str(ca_file)} if ca_file else {})


def _client_id(authorize: str) -> str | None:
    return next(iter(parse_qs(urlsplit(authorize).query).get("client_id", [])), None)


def _tools(lines: list[str]) -> tuple[str, ...]:
    """The names in the JSON object that mcp-remote prints after `Tools:`."""
    start = next((number for number, line in enumerate(lines) if re.search(r"\bTools: \{$", line)), None)
    if start is None:
        return ()
    try:
        found, _ = json.JSONDecoder().raw_decode("{" + "\n".join(lines[start + 1 :]))
    except ValueError:
        return ()
    return tuple(tool["name"] for tool in found.get("tools", []))

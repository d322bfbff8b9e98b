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

__all__ = [
    "Installed",
    "NpmLink",
    "NpmLinkFailed",
    "install",
    "installed_or_skip",
    "kept_access_tokens",
    "spoil_access_tokens",
]

_CLIENTS = Path(__file__).resolve().parents[1] / "e2e" / "clients"
_LINK_SECONDS = 60


class NpmLinkFailed(Exception):
    """A client ended without a link; the text holds what it said last. ``client_id``: what it had registered."""

    def __init__(self, detail: str, client_id: str | None) -> None:
        super().__init__(detail)
        self.client_id = client_id


@dataclass(frozen=True, slots=True)
class NpmLink:
    """What a client reports of its link. ``scope`` is what it asked for or was granted, ``""`` when it says neither.

    ``client_id`` is ``""`` when nobody had to sign in; ``refreshed``: it went on working by its refresh token.
    """

    client_id: str
    scope: str
    tools: tuple[str, ...]
    protocol_version: str | None = None
    refreshed: bool | None = None


@dataclass(frozen=True, slots=True)
class Installed:
    """The clients on disk: node's executable and the folder with ``node_modules``."""

    node: Path
    folder: Path

    async def typescript(
        self, target: LinkTarget, era: Literal["legacy", "auto", "modern"] = "auto", *, document: str | None = None
    ) -> NpmLink:
        """Link with the TypeScript SDK's client, call search and fetch, refresh. Raises: NpmLinkFailed.

        ``document`` is the URL of its metadata document; without it, it registers.
        """
        client_id, said = None, ""
        more = [document] if document else []
        async with self._run(target, "link.mjs", target.mcp_url, era, target.query, *more) as process:
            assert process.stdout is not None
            async for raw in process.stdout:
                line: dict[str, Any] = json.loads(raw)
                if url := line.get("authorize"):
                    client_id = _client_id(url)
                    await target.browser().deliver(url)
                elif linked := line.get("linked"):
                    return NpmLink(**linked | {"tools": tuple(linked["tools"])})
                else:
                    said = str(line.get("failed"))
        raise NpmLinkFailed(f"the TypeScript client did not link: {said}", client_id)

    async def mcp_remote(
        self,
        target: LinkTarget,
        protocol: Literal["legacy", "auto"] = "legacy",
        *,
        document: str | None = None,
        home: Path | None = None,
    ) -> NpmLink:
        """Link with mcp-remote's test client, which lists the tools. Raises: NpmLinkFailed.

        ``document`` as above; in ``home`` the link stays, and the next run there goes on with it.
        """
        client = "node_modules/mcp-remote/dist/client.js"
        more = ["--client-metadata-url", document] if document else []
        authorize, listening, delivered, lines = "", False, False, list[str]()
        async with self._run(target, client, target.mcp_url, "--protocol", protocol, *more, home=home) as process:
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
        if not tools or (client_id is None and home is None):
            last = " / ".join(line for line in lines[-8:] if line and "code=" not in line)
            raise NpmLinkFailed(f"mcp-remote did not link: {last[:600]}", client_id)
        scope = (parse_qs(urlsplit(authorize).query).get("scope") or [""])[0]
        return NpmLink(client_id or "", scope, tools)

    @contextlib.asynccontextmanager
    async def _run(
        self, target: LinkTarget, *arguments: str, home: Path | None = None
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        with tempfile.TemporaryDirectory(prefix="gatelodge-npm-") as temporary:
            process = await asyncio.create_subprocess_exec(
                str(self.node),
                *arguments,
                cwd=self.folder,
                env=_environment(str(home or temporary), target.ca_file),
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


def spoil_access_tokens(home: Path) -> None:
    """As when they end: the server refuses what mcp-remote kept in ``home``, and only its refresh token is left."""
    for path in home.rglob("*_tokens.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"access_token": "ended"}))


def kept_access_tokens(home: Path) -> list[str]:
    """What mcp-remote kept in ``home``."""
    return [json.loads(path.read_text())["access_token"] for path in home.rglob("*_tokens.json")]


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

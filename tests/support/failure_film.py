"""A short film of failures on a native stack: what each leaves in the log, in the figures and with the user.

To write the film of docs/guides/operating.md again:
``.venv/bin/python tests/support/failure_film.py`` (about a minute).
"""

import asyncio
import base64
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey
from native_stack import CHECKOUT, READ, Stack, free_port, gatelodge, read_stack
from wire import call, tls_client

from gatelodge.ops.link.obtain import obtain_tokens

__all__ = ["GUIDE", "SCENES", "Set", "in_guide", "normalised", "running", "shown", "written"]

GUIDE = CHECKOUT / "docs" / "guides" / "operating.md"
# What differs from `gatelodge up --with workspace`: a limit that is soon reached, and a provider that nobody asks here.
_ENVIRONMENT = {
    "GATELODGE_LIMIT_CALLS": "3/minute",
    "GATELODGE_LOG_FORMAT": "text",
    "GATELODGE_GITHUB_CLIENT_ID": "of-no-app",
    "GATELODGE_GITHUB_CLIENT_SECRET": "of-no-app",
}
_SEARCH = {"name": "search", "arguments": {"query": "token"}}
_NOTE = {"name": "save_note", "arguments": {"title": "A note", "text": "Some text."}}
_WHO = {"name": "get_github_user_info", "arguments": {}}
_HEADERS = ("www-authenticate", "retry-after", "ratelimit-policy", "ratelimit", "x-request-id")
_COUNTED = re.compile(r"^(gatelodge_\w+_total(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)


@contextmanager
def running() -> Iterator[Stack]:
    """A stack of its own: its parts are stopped, and its limits are low."""
    with tempfile.TemporaryDirectory() as folder:
        state, port = Path(folder) / "state", free_port()
        command = ("up", "--detach", "--port", str(port), "--with", "workspace", "--no-link")
        try:
            started = gatelodge(*command, state=state, timeout=300, **_ENVIRONMENT)
            assert started.returncode == 0, f"{started.stdout}\n{started.stderr}"
            stack = read_stack(state, port)
            yield stack
            stack.admin.close()
        finally:
            gatelodge("down", state=state)


@dataclass
class Set:
    """Where the film is played."""

    stack: Stack
    http: httpx2.AsyncClient

    async def token(self, user: int, *scopes: str, server: str = "") -> str:
        """A token of one of the two people, by a client that is removed at once."""
        target = self.stack.target(*scopes, user=user)
        if server:
            target = replace(target, mcp_url=self.stack.status["servers"][server])
        linked = await obtain_tokens(target)
        self.stack.admin.delete_client(linked.client.client_id)
        return linked.tokens.access_token

    async def tool(self, params: dict[str, Any], token: str, server: str = "") -> httpx2.Response:
        """A tool call as a client makes it."""
        url = self.stack.status["servers"][server] if server else self.stack.mcp_url
        return await call(self.http, url, "tools/call", params, token=token)

    async def figures(self, part: str) -> dict[str, float]:
        """The counters of a part, without those of probes and of what it does by itself."""
        text = (await self.http.get(self.stack.status["metrics"][part])).text
        own = ('route="health"', "gatelodge_jwks_fetches")
        return {name: float(value) for name, value in _COUNTED.findall(text) if not any(word in name for word in own)}

    async def lines(self, part: str, answer: httpx2.Response) -> list[str]:
        """What a part's log says about a request; the last line is written when all is counted."""
        marked = f"request_id={answer.headers['x-request-id']}"
        found: list[str] = []

        async def ended() -> bool:
            text = (self.stack.state / "logs" / f"{part}.log").read_text(encoding="utf-8")
            found[:] = [line for line in text.splitlines() if marked in line]
            return any("gatelodge.access: request " in line for line in found)

        await _until(ended)
        return found

    @asynccontextmanager
    async def seen(self, part: str, of: Callable[[], httpx2.Response], into: list[str]) -> AsyncIterator[None]:
        """Put the answer ``of`` this block, its lines of the part's log and the counters that moved ``into`` the list."""
        before = await self.figures(part)
        yield
        answer = of()
        lines, after = await self.lines(part, answer), await self.figures(part)
        moved = [
            f"{name} +{after[name] - before.get(name, 0):.0f}" for name in after if after[name] != before.get(name)
        ]
        into += [told(answer), "\n".join(lines), "\n".join(sorted(moved))]


async def _asked(given: Set, part: str, ask: Callable[[], Awaitable[httpx2.Response]]) -> list[str]:
    answers: list[httpx2.Response] = []
    found: list[str] = []
    async with given.seen(part, lambda: answers[0], found):
        answers.append(await ask())
    return found


def told(answer: httpx2.Response) -> str:
    """What a client gets, as a person reads it."""
    headers = [f"{name}: {answer.headers[name]}" for name in _HEADERS if name in answer.headers]
    return "\n".join([f"{answer.status_code} {answer.reason_phrase}", *headers, "", answer.text.strip()])


async def scope_missing(given: Set) -> list[str]:
    """A client that was only given the read scope asks for a tool that writes."""
    token = await given.token(0, READ)
    return await _asked(given, "server", lambda: given.tool(_NOTE, token))


async def limit_reached(given: Set) -> list[str]:
    """The second person calls a fourth time within a minute."""
    token = await given.token(1, READ)
    for _ in range(3):
        answer = await given.tool(_SEARCH, token)
        assert answer.status_code == 200
        await given.lines("server", answer)
    return await _asked(given, "server", lambda: given.tool(_SEARCH, token))


async def signing_key_wrong(given: Set) -> list[str]:
    """A token with the right contents and the id of Keycloak's key, signed by another key."""
    real = await given.token(0, READ)
    forged = jwt.encode(_decoded(real, 0), _decoded(real, 1), RSAKey.generate_key(2048))
    return await _asked(given, "server", lambda: given.tool(_SEARCH, forged))


async def vault_key_wrong(given: Set) -> list[str]:
    """A linked account was stored under a key that this server does not have."""
    token = await given.token(0, "workspace:read", server="workspace")
    owner = ("--tenant", given.stack.issuer, "--user", _decoded(token, 1)["sub"])
    _vault("set", *owner, "github", state=given.stack.state / "server-workspace")
    return await _asked(given, "server-workspace", lambda: given.tool(_WHO, token, "workspace"))


def _decoded(token: str, part: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(f"{token.split('.')[part]}=="))
    return found


def _vault(*arguments: str, state: Path) -> None:
    other = base64.b64encode(os.urandom(32)).decode()
    environment = {**os.environ, "GATELODGE_STATE_DIR": str(state), "GATELODGE_VAULT_KEY": other}
    environment["GATELODGE_PUBLIC_URL"] = environment["GATELODGE_ISSUER"] = "https://localhost"
    subprocess.run(
        [sys.executable, "-m", "gatelodge", "vault", *arguments],
        cwd=state,
        env=environment,
        input=b"a-token-of-nobody",
        capture_output=True,
        timeout=60,
        check=True,
    )


async def keycloak_stopped(given: Set) -> list[str]:
    """Keycloak ends; a call goes on, a new client and a refresh do not."""
    stack, http = given.stack, given.http
    token = await given.token(0, READ)
    os.kill(stack.pid("keycloak"), signal.SIGTERM)
    await _until(lambda: _listens(http, stack.keycloak_url, wanted=False))
    asked = {"client_name": "Claude", "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"]}
    register = f"{stack.issuer}/clients-registrations/openid-connect"
    found = await _asked(given, "desk", lambda: http.post(register, json=asked))
    goes_on = await given.tool(_SEARCH, token)
    refresh = await http.post(f"{stack.issuer}/protocol/openid-connect/token", data={"grant_type": "refresh_token"})
    beside = [("a call with a token", goes_on), ("a refresh", refresh)]
    # The supervisor starts it again; what follows has a whole stack.
    await _until(lambda: _listens(http, stack.keycloak_url, wanted=True))
    return [*found, "\n".join(f"{name}: {answer.status_code} {answer.reason_phrase}" for name, answer in beside)]


async def _listens(http: httpx2.AsyncClient, url: str, *, wanted: bool) -> bool:
    try:
        await http.get(url)
    except httpx2.TransportError:
        return not wanted
    return wanted


async def _until(holds: Callable[[], Awaitable[bool]], seconds: float = 120) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.1)


SCENES: dict[str, Callable[[Set], Awaitable[list[str]]]] = {
    "scope-missing": scope_missing,
    "limit-reached": limit_reached,
    "signing-key-wrong": signing_key_wrong,
    "vault-key-wrong": vault_key_wrong,
    # Last: it takes a part away.
    "keycloak-stopped": keycloak_stopped,
}


def shown(text: str, stack: Stack) -> str:
    """A text as the guide shows it: the usual address, a usual folder, nothing of this machine."""
    text = text.replace(f"localhost:{stack.port}", "localhost:8443").replace(str(stack.state), "/srv/gatelodge")
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9000", text)


_CHANGES = (
    (r"\d{4}-\d\d-\d\dT[\d:.]+(?:\+00:00|Z)", "TIME"),
    (r"\b[0-9a-f]{32}\b", "ID"),
    (r"\b(user|service):[0-9a-f]{8,}", r"\1:DIGEST"),
    (r"\b((?:first_byte_)?ms|bytes)=[\d.]+", r"\1=N"),
    (r"\breached by [0-9a-f]{12}\b", "reached by CALLER"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]+", "UUID"),
    (r"\b(retry-after: |t=|in |after )\d+", r"\1N"),
)


def normalised(text: str) -> str:
    """A text without what differs from one run to the next."""
    for pattern, becomes in _CHANGES:
        text = re.sub(pattern, becomes, text)
    return text


def _place(name: str) -> "re.Pattern[str]":
    return re.compile(rf"(<!-- film: {name} -->\n)(.*?)(<!-- end of film -->)", re.DOTALL)


def in_guide(name: str) -> list[str]:
    """The texts of a scene as the guide shows them."""
    found = _place(name).search(GUIDE.read_text(encoding="utf-8"))
    return re.findall(r"```text\n(.*?)\n```", found[2], re.DOTALL) if found else []


_CAPTIONS = ("What the client gets:", "What the log says:", "What is counted:", "Beside it:")


def written(guide: str, name: str, texts: list[str]) -> str:
    """The guide with this scene put in."""
    blocks = [f"{caption}\n\n```text\n{text}\n```\n\n" for caption, text in zip(_CAPTIONS, texts, strict=False)]
    return _place(name).sub(lambda found: found[1] + "\n" + "".join(blocks) + found[3], guide)


async def _play() -> None:
    with running() as stack:
        async with tls_client(stack.ca_file) as http:
            for name, scene in SCENES.items():
                texts = [shown(text, stack) for text in await scene(Set(stack, http))]
                GUIDE.write_text(written(GUIDE.read_text(encoding="utf-8"), name, texts), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_play())

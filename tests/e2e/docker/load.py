"""Low, steady load on a deployment: calls of both eras, notes, refreshes and registrations, each answer written down.

Requests go out whether or not the ones before were answered well. Not here: what may fail when (``test_faults``).
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from native_stack import READ, WRITE
from wire import LEGACY, MODERN, tls_client

from e2e.docker.answered import tool_call, words
from e2e.docker.deployment import Deployment
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.link import oauth_steps
from gatelodge.ops.link.oauth_types import OAuthRefused, RegisteredClient
from gatelodge.ops.link.obtain import Obtained, obtain_tokens
from gatelodge.ops.link.target import LOOPBACK_REDIRECT

__all__ = ["KINDS", "Load", "Seen", "loaded"]

KINDS = ("modern", "legacy", "note", "refresh", "register")
# Seconds between two requests of a kind; the desk takes few registrations from one address.
_EVERY = {"modern": 0.2, "legacy": 0.2, "note": 1.0, "refresh": 1.0, "register": 4.0}
_GOOD_AGAIN = 2
_SCOPES = (READ, WRITE, "offline_access")
_SEARCH = {"name": "search", "arguments": {"query": "gatelodge"}}


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: monotonic seconds, the status (0 without an answer) and what was said when it was not good."""

    kind: str
    began: float
    ended: float
    status: int
    wrong: str


@dataclass
class Load:
    """What is asked, and what came of it: ``notes`` and ``registered`` are what the deployment said it has."""

    deployment: Deployment
    linked: Obtained = field(repr=False)
    http: httpx2.AsyncClient = field(repr=False)
    seen: list[Seen] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    registered: list[tuple[str, str]] = field(default_factory=list, repr=False)
    # Access token and refresh token in use.
    _access: str = field(default="", repr=False)
    _refresh: str = field(default="", repr=False)
    # A refresh went unanswered: nobody knows whether the token was used (RFC 9700, section 4.14.2).
    unknown_since: float | None = None
    replaced: int = 0
    one_at_a_time: dict[str, asyncio.Lock] = field(default_factory=lambda: {kind: asyncio.Lock() for kind in KINDS})

    def __post_init__(self) -> None:
        self._take(self.linked)

    def _take(self, obtained: Obtained) -> None:
        self.linked, self._access = obtained, obtained.tokens.access_token
        self._refresh = obtained.tokens.refresh_token or ""

    async def sign_in(self, client: RegisteredClient | None = None) -> Obtained:
        """A person signs in, with a new client or this one. Raises: GatelodgeError."""
        return await obtain_tokens(self.deployment.target(*_SCOPES), client=client, body=_body())

    async def tool(self, era: str, params: dict[str, Any] | None = None) -> tuple[int, str]:
        """Status of one tool call, and what was wrong about it."""
        asked = params or _SEARCH
        status, result, wrong = await tool_call(self.http, self.deployment.mcp_url, self._access, era, **asked)
        if not wrong and "structuredContent" not in result:
            wrong = str(result)[:200]
        if not wrong and asked["name"] == "save_note":
            self.notes.append(result["structuredContent"]["id"])
        return status, wrong

    async def note(self) -> tuple[int, str]:
        """Save a note; its id is kept."""
        arguments = {"title": f"Note {secrets.token_hex(4)}", "text": "Saved while a part was away."}
        return await self.tool(MODERN, {"name": "save_note", "arguments": arguments})

    async def refresh(self) -> tuple[int, str]:
        """Trade the refresh token in use; a link that ended because an answer was lost is replaced."""
        server, client = self.linked.server, self.linked.client
        _, form = oauth_steps.authenticated(client, {"grant_type": "refresh_token", "refresh_token": self._refresh})
        began = time.monotonic()
        try:
            answer = await self.http.post(server.token_endpoint, data=form)
        except httpx2.TransportError:
            self.unknown_since = self.unknown_since or began
            raise
        if answer.status_code == 200:
            tokens = answer.json()
            self._access, self._refresh, self.unknown_since = tokens["access_token"], tokens["refresh_token"], None
            return 200, ""
        if answer.status_code >= 500:
            self.unknown_since = self.unknown_since or began
        elif self.unknown_since is not None:
            self.replaced += 1
            self.unknown_since = None
            self._take(await self.sign_in())
            return 200, ""
        return answer.status_code, words(answer)

    async def register(self) -> tuple[int, str]:
        """Register a client as ChatGPT does; its own entry is kept, to look it up later."""
        answer = await self.http.post(str(self.linked.server.registration_endpoint), json=_body())
        if answer.status_code != 201:
            return answer.status_code, words(answer)
        document = answer.json()
        self.registered.append((document["registration_client_uri"], document["registration_access_token"]))
        return 201, ""

    async def ask(self, kind: str) -> Seen:
        """One request of a kind, written down."""
        asked: dict[str, Callable[[], Awaitable[tuple[int, str]]]] = {
            "modern": lambda: self.tool(MODERN),
            "legacy": lambda: self.tool(LEGACY),
            "note": self.note,
            "refresh": self.refresh,
            "register": self.register,
        }
        # A refresh token is used once: two requests at a time would be a reuse.
        async with self.one_at_a_time[kind]:
            began = time.monotonic()
            try:
                status, wrong = await asked[kind]()
            except httpx2.TransportError as error:
                status, wrong = 0, f"{type(error).__name__}: {error}"
            except GatelodgeError as error:
                status, wrong = (error.http_status if isinstance(error, OAuthRefused) else 0), error.detail[:200]
            seen = Seen(kind, began, time.monotonic(), status, wrong)
        self.seen.append(seen)
        return seen

    async def go_on(self, kind: str) -> None:
        """Requests of one kind, one at a time, until cancelled."""
        while True:
            seen = await self.ask(kind)
            await asyncio.sleep(max(0.0, seen.began + _EVERY[kind] - seen.ended))

    async def good_again(self, *kinds: str, seconds: float = 60) -> float:
        """Until the last two requests of each kind were good and sent from now on; gives the time of then."""
        since = time.monotonic()
        while True:
            last = {
                kind: [s for s in self.seen if s.kind == kind and s.began >= since][-_GOOD_AGAIN:] for kind in kinds
            }
            if all(len(found) == _GOOD_AGAIN and not any(s.wrong for s in found) for found in last.values()):
                return time.monotonic()
            assert time.monotonic() < since + seconds, {kind: found for kind, found in last.items() if found}
            await asyncio.sleep(0.1)

    async def lost(self) -> list[str]:
        """What the deployment acknowledged and does not have any more: notes and registered clients."""
        missing = []
        for identity in self.notes:
            _, wrong = await self.tool(MODERN, {"name": "fetch", "arguments": {"id": identity}})
            if wrong:
                missing.append(f"note {identity}: {wrong}")
        for uri, token in self.registered:
            answer = await self.http.get(uri, headers={"authorization": f"Bearer {token}"})
            if answer.status_code != 200:
                missing.append(f"client {uri}: {answer.status_code}")
        return missing


def _body() -> dict[str, Any]:
    """A registration of its own: equal ones may be answered with one client."""
    return oauth_steps.registration_body(LOOPBACK_REDIRECT, client_name=f"load {secrets.token_hex(4)}")


@asynccontextmanager
async def loaded(deployment: Deployment, *kinds: str) -> AsyncIterator[Load]:
    """A linked client under way; every kind was answered well before the block begins."""
    linked = await obtain_tokens(deployment.target(*_SCOPES), body=_body())
    async with tls_client(deployment.folder / "ca.pem") as http:
        http.timeout = httpx2.Timeout(12)
        load = Load(deployment, linked, http)
        tasks = [asyncio.create_task(load.go_on(kind)) for kind in kinds or KINDS]
        try:
            await load.good_again(*(kind for kind in kinds or KINDS if kind != "register"))
            yield load
        finally:
            # Not in the middle of a request: a refresh that is not read to its end costs the link.
            for lock in load.one_at_a_time.values():
                await lock.acquire()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for lock in load.one_at_a_time.values():
                lock.release()

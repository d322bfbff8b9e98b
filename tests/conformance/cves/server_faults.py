"""Faults of other servers, put into ours to see that an attack is a real one."""

import asyncio
from typing import Any

import pytest
from protected import ISSUER

from conformance.attacks.model import READ
from gatelodge.access.decide import Answer, Decision
from gatelodge.app import front, gate, told
from gatelodge.app.bridge import middleware, server
from gatelodge.app.gate import Gate
from gatelodge.core.identity import Principal
from gatelodge.resource_server.cache import CachedVerifier
from gatelodge.resource_server.origin import OriginGuard

__all__ = [
    "first_caller_kept",
    "headers_believed",
    "last_caller_answered",
    "no_guard",
    "one_spelling_guarded",
    "only_lists_filtered",
    "scopes_kept_with_the_first_answer",
    "session_is_the_caller",
    "unchecked_bodies",
]


def no_guard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OriginGuard, "check", lambda *_: None)


def first_caller_kept(patch: pytest.MonkeyPatch) -> None:
    strict, kept = CachedVerifier.verify, list[Principal]()

    async def verify(self: CachedVerifier, token: str) -> Principal:
        kept.append(await strict(self, token))
        return kept[0]

    patch.setattr(CachedVerifier, "verify", verify)


def session_is_the_caller(patch: pytest.MonkeyPatch) -> None:
    strict, kept = told.identified, dict[bytes, Principal | None]()

    async def principal(scope: Any, *given: Any) -> Principal | None:
        session = dict(scope["headers"]).get(b"mcp-session-id", b"")
        found = await strict(scope, *given)
        return kept.setdefault(session, found) if session else found

    patch.setattr(gate, "identified", principal)


def last_caller_answered(patch: pytest.MonkeyPatch) -> None:
    # Every call waits a turn and then goes on as whoever came last: a transport with one slot for all.
    strict, slot = told.identified, list[Principal | None]()

    async def principal(scope: Any, *given: Any) -> Principal | None:
        slot.append(await strict(scope, *given))
        await asyncio.sleep(0)
        return slot[-1]

    patch.setattr(gate, "identified", principal)


def only_lists_filtered(patch: pytest.MonkeyPatch) -> None:
    allowed = Decision(Answer.ALLOW, "granted", (), True)
    for module in (middleware, server):
        patch.setattr(module, "decide", lambda *_: allowed)


def scopes_kept_with_the_first_answer(patch: pytest.MonkeyPatch) -> None:
    strict, known = Gate._decided, set[str]()

    async def decided(self: Gate, scope: Any, operation: Any, principal: Principal | None) -> Any:
        if principal is not None and principal.subject in known:
            return None
        answer = await strict(self, scope, operation, principal)
        if principal is not None and answer is None:
            known.add(principal.subject)
        return answer

    patch.setattr(Gate, "_decided", decided)


def headers_believed(patch: pytest.MonkeyPatch) -> None:
    strict = told.identified

    async def principal(scope: Any, *given: Any) -> Principal | None:
        for name, value in scope["headers"]:
            if name.replace(b"_", b"-") == b"x-forwarded-user":
                return Principal(ISSUER, value.decode(), frozenset({READ}))
        return await strict(scope, *given)

    patch.setattr(gate, "identified", principal)


def one_spelling_guarded(patch: pytest.MonkeyPatch) -> None:
    def is_for_mcp(self: front.Endpoint, scope: Any) -> bool:
        return bool(scope["path"] == self._path)

    async def call(self: front.Endpoint, scope: Any, receive: Any, send: Any) -> None:
        if is_for_mcp(self, scope):
            await self._gate(scope, receive, send)
        else:
            # What the vulnerable server had: the same transport behind every other path.
            inner = {**scope, "path": self._path, "raw_path": self._path.encode()}
            await self._other(inner, receive, send)

    patch.setattr(front.Endpoint, "is_for_mcp", is_for_mcp)
    patch.setattr(front.Endpoint, "__call__", call)


def unchecked_bodies(patch: pytest.MonkeyPatch) -> None:
    def parse(body: bytes) -> Any:
        raise TypeError("a member of something that has none")

    patch.setattr(gate, "parse_operation", parse)

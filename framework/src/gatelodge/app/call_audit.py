"""Calls and refusals at the gate as audit events; what the gate tells is in ``witness``.

Invariants: a call of a tool that may write is durable before the tool runs; that of a tool that declares itself reading
(``readOnlyHint``) is kept within ``audit.trail.WINDOW``; when neither can be, the call is refused. No argument of a tool
and no content is recorded. What strangers can do without end is counted (``audit.recorder``).
Not here: the trail itself and its life (``auditing``).
"""

from collections.abc import Callable
from functools import lru_cache

from starlette.types import Scope

from gatelodge.access.decide import Answer, Decision
from gatelodge.app.message import ENDPOINT, ENDPOINT_READ, Operation
from gatelodge.app.witness import ABSENT, ACCEPTED, UNAVAILABLE, Throttle
from gatelodge.audit.actor import of_service, of_user
from gatelodge.audit.event import Event, Outcome, Scalar
from gatelodge.audit.recorder import Recorder
from gatelodge.core.clock import Clock
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal
from gatelodge.ratelimit.errors import LimitReached

__all__ = ["CallWitness", "WatchedThrottle"]

# Seconds in which a user's token use is told once, for each client; and how many pairs are remembered.
_USE = 3600.0
_USERS = 10_000
_NAMES = {
    "tools/call": ("tool.call", "tool"),
    "prompts/get": ("prompt.get", "prompt"),
    "resources/read": ("resource.read", "resource"),
    ENDPOINT: ("endpoint.call", "endpoint"),
    ENDPOINT_READ: ("endpoint.call", "endpoint"),
}
_MAY_WRITE = frozenset({"tools/call", ENDPOINT})
Stranger = Callable[[Scope], str]


class CallWitness:
    """Records what the gate decides."""

    def __init__(self, recorder: Recorder, stranger: Stranger, reads: Callable[[], bool], clock: Clock) -> None:
        """``reads``: whether the tool that the gate decided on just now only reads."""
        self._recorder, self._stranger, self._reads, self._clock = recorder, stranger, reads, clock
        self._used: dict[tuple[str, str, str | None], float] = {}

    def token(self, scope: Scope, verdict: str, principal: Principal | None) -> None:
        """A refused token by its reason, and once an hour that a user's token of a client was accepted."""
        if principal is not None and verdict == ACCEPTED:
            self._met(principal)
        elif verdict != ABSENT:
            outcome: Outcome = "failed" if verdict == UNAVAILABLE else "refused"
            self._recorder.count("token.refuse", verdict, self._stranger(scope), outcome=outcome)

    async def decided(
        self, scope: Scope, operation: Operation, principal: Principal | None, decision: Decision | None
    ) -> None:
        """A call with the rule that decided. Raises: StorageUnavailable, StorageFault, Conflict, TrailBroken."""
        kind, about = _NAMES.get(operation.method, ("access.decide", operation.kind or "component"))
        actor = self._stranger(scope) if principal is None else actor_of(principal)
        details: dict[str, Scalar] = {}
        if principal is not None and principal.client_id is not None:
            details["client"] = principal.client_id[:200]
        if decision is None:
            # Its name is whatever the caller wrote, so it is not kept.
            self._recorder.count(kind, "unknown", actor, details)
            return
        details[about] = _named(operation)
        if decision.answer is not Answer.ALLOW:
            self._recorder.count(kind, f"{decision.answer.value}:{decision.rule}", actor, details)
            return
        if kind == "access.decide":
            # Completions and subscriptions, of which there is one for each key that is pressed.
            return
        reads = operation.method not in _MAY_WRITE or self._reads()
        if principal is None and reads:
            self._recorder.count(kind, decision.rule, actor, details, outcome="ok")
            return
        event = Event(kind, actor, details, "ok", decision.rule)
        if reads:
            self._recorder.note(event)
        else:
            await self._recorder.record(event)

    def _met(self, principal: Principal) -> None:
        key, now = (principal.issuer, principal.subject, principal.client_id), self._clock.monotonic()
        if self._used.get(key, now) > now:
            return
        if len(self._used) >= _USERS:
            self._used.clear()
        self._used[key] = now + _USE
        client = None if principal.client_id is None else principal.client_id[:200]
        about = {"client": client, "scopes": len(principal.scopes)}
        self._recorder.tell(Event("token.use", actor_of(principal), about, "ok", "accepted"))


class WatchedThrottle:
    """A throttle, and its refusals recorded."""

    def __init__(self, throttle: Throttle, recorder: Recorder, stranger: Stranger) -> None:
        self._throttle, self._recorder, self._stranger = throttle, recorder, stranger

    async def failed(self, scope: Scope, error: GatelodgeError) -> None:
        try:
            await self._throttle.failed(scope, error)
        except LimitReached as limit:
            self._recorder.count("request.refuse", f"limit:{limit.name}", self._stranger(scope))
            raise

    async def call(self, scope: Scope, principal: Principal | None, operation: Operation) -> None:
        try:
            await self._throttle.call(scope, principal, operation)
        except LimitReached as error:
            actor = self._stranger(scope) if principal is None else actor_of(principal)
            self._recorder.count("request.refuse", f"limit:{error.name}", actor)
            raise


def actor_of(principal: Principal) -> str:
    """The actor of a verified caller."""
    if principal.service:
        return of_service(principal.client_id or principal.subject)
    return _user(principal.issuer, principal.subject)


# As many as the request's line remembers (``observing``).
_user = lru_cache(maxsize=4096)(of_user)


def _named(operation: Operation) -> str:
    """A component's name; of a URI without user, query and fragment, where secrets may be."""
    name = operation.target or ""
    if operation.kind in ("resource", "template"):
        scheme, mark, rest = name.partition("://")
        name = f"{scheme}{mark}{rest.rpartition('@')[2]}".partition("?")[0].partition("#")[0]
    return name.encode("utf-8", "replace").decode().replace("\x00", "?")[:200]

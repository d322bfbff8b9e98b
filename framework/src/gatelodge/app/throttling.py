"""What an endpoint limits: calls by principal, callers without a token and refused tokens by address, what runs at once.

Invariants: users of a hosted client come from a few addresses, so no address alone holds back a good token: where an
address has had too many refused ones, a request is still checked, and only one that is refused again gets 429 in place of
401 (a signature check costs less than an answer that would lie). A token that is only too old is never counted: its user
must be told 401, or the client does not refresh.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gatelodge.app.answers import error_answer, protocol_answer
from gatelodge.app.context import OPERATION_KEY, PRINCIPAL_KEY
from gatelodge.app.message import ENDPOINT, Operation
from gatelodge.app.witness import Throttle
from gatelodge.core.clock import Clock
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal
from gatelodge.ratelimit.address import caller
from gatelodge.ratelimit.config import LimitsConfig
from gatelodge.ratelimit.errors import LimitReached, Overloaded
from gatelodge.ratelimit.limit import Limit, Limits
from gatelodge.ratelimit.slots import Slots
from gatelodge.resource_server.errors import Reason, TokenRejected

__all__ = ["AtOnce", "RouteLimits", "Throttling", "limited_answer"]

_LISTEN = "subscriptions/listen"
_WITH_RATES = ("tool", "endpoint")
_EVENTS = b"text/event-stream"


class Throttling:
    """A ``witness.Throttle``."""

    def __init__(self, config: LimitsConfig, limits: Limits) -> None:
        self._proxies = config.trusted_proxies
        self._calls = limits.limit("calls", config.calls, hint=_raise("CALLS"))
        self._tools: Mapping[str, Limit] = {
            name: limits.limit("tools", rate, hint=_raise("TOOLS")) for name, rate in config.tools.items()
        }
        self._anonymous = limits.limit("anonymous-calls", config.anonymous_calls, hint=_raise("ANONYMOUS_CALLS"))
        self._failures = limits.limit("token-failures", config.token_failures, hint=_raise("TOKEN_FAILURES"))

    async def failed(self, scope: Scope, error: GatelodgeError) -> None:
        """Count a refused token for its address. Raises: LimitReached, in place of the refusal."""
        if not (isinstance(error, TokenRejected) and error.reason is Reason.EXPIRED):
            await self._failures.take(caller(scope, self._proxies))

    async def call(self, scope: Scope, principal: Principal | None, operation: Operation) -> None:
        """Count an allowed operation. Raises: LimitReached."""
        if principal is None:
            await self._anonymous.take(caller(scope, self._proxies))
            return
        own = self._tools.get(operation.target or "") if operation.kind in _WITH_RATES else None
        if own is not None:
            await own.take(operation.target or "", principal.issuer, principal.subject)
        else:
            await self._calls.take(principal.issuer, principal.subject)


class AtOnce:
    """What one caller has running at once, calls and streams apart; stands between the checks and ``app``."""

    def __init__(self, app: ASGIApp, config: LimitsConfig, clock: Clock, *, mcp: bool = True) -> None:
        """``app`` is FastMCP's or, without ``mcp``, any other, where who takes events asks for a stream."""
        self._app, self._mcp = app, mcp
        self._calls = Slots("calls-at-once", clock, per_key=config.calls_at_once, hint=_raise("CALLS_AT_ONCE"))
        # Half of what this process takes on, so that whatever strangers do there is room for users.
        half = (config.requests + 1) // 2
        self._strangers = Slots("anonymous-at-once", clock, per_key=0, total=half, hint=_raise("REQUESTS"))
        self._streams = Slots(
            "streams", clock, per_key=config.streams, total=config.all_streams, hint=_raise("STREAMS")
        )

    @contextmanager
    def running(self, principal: Principal) -> Iterator[None]:
        """A call of ``principal`` beside those of ``app``. Raises: LimitReached."""
        held = self._calls.enter(principal.issuer, principal.subject)
        try:
            yield
        finally:
            self._calls.leave(held)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal: Principal | None = scope.get(PRINCIPAL_KEY)
        operation: Operation | None = scope.get(OPERATION_KEY)
        slots = self._calls if principal is not None else self._strangers
        if _streams(scope, operation) if self._mcp else _takes_events(scope):
            slots = self._streams
        try:
            # Users of a hosted client share an address, so strangers are bounded all together only.
            held = slots.enter(*((principal.issuer, principal.subject) if principal is not None else ()))
        except (LimitReached, Overloaded) as error:
            await limited_answer(error, operation, mcp=self._mcp)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            slots.leave(held)


class RouteLimits:
    """For routes beside the MCP endpoint (``connections.limits.CallerLimits``): one user has one budget for both."""

    def __init__(self, throttle: Throttle, at_once: AtOnce) -> None:
        self._throttle, self._at_once = throttle, at_once

    async def failed(self, scope: Scope, error: GatelodgeError) -> None:
        """Count refused credentials for their address. Raises: LimitReached, in place of the refusal."""
        await self._throttle.failed(scope, error)

    @asynccontextmanager
    async def call(self, scope: Scope, principal: Principal, endpoint: str) -> AsyncIterator[None]:
        """Count a call, which runs while the block lasts. Raises: LimitReached."""
        await self._throttle.call(scope, principal, Operation(ENDPOINT, endpoint))
        with self._at_once.running(principal):
            yield


def limited_answer(
    error: LimitReached | Overloaded, operation: Operation | None = None, *, mcp: bool = True
) -> Response:
    """429 or 503: in JSON-RPC to a message that was read, else as any other error; with the error's headers."""
    if operation is None or operation.notification:
        answer = error_answer(error, "temporarily_unavailable", mcp=mcp)
    else:
        answer = protocol_answer(error.status, operation.request_id, error.code, error.public)
    answer.headers.update(error.headers)
    return answer


def _streams(scope: Scope, operation: Operation | None) -> bool:
    return scope["method"] == "GET" or (operation is not None and operation.method == _LISTEN)


def _takes_events(scope: Scope) -> bool:
    return any(name == b"accept" and _EVENTS in value for name, value in scope["headers"])


def _raise(variable: str) -> str:
    return f"If this is a real user, raise GATELODGE_LIMIT_{variable}."

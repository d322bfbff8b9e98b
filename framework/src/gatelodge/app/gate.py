"""The gate of the MCP endpoint: token check and access decision before FastMCP sees a request.

RFC 6750, section 3; RFC 9728, section 5.1; MCP authorization 2026-07-28. A request without credentials gets 401, a
token that lacks scopes 403 with all scopes needed (``in_band`` for one client), and a denied component passes on to be
answered as an unknown one.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatelodge.access.decide import Answer, Decision
from gatelodge.app.agreement import disagreement, is_modern
from gatelodge.app.answers import challenge_answer, error_answer, protocol_answer, unavailable_answer
from gatelodge.app.context import OPERATION_KEY, PRINCIPAL, PRINCIPAL_KEY
from gatelodge.app.in_band import in_band_answer, wants_in_band
from gatelodge.app.listing import with_security_schemes
from gatelodge.app.message import (
    BodyMalformed,
    BodyTooLarge,
    ClientGone,
    Operation,
    parse_operation,
    read_body,
    replay,
)
from gatelodge.app.throttling import limited_answer
from gatelodge.app.told import identified, told
from gatelodge.app.witness import Throttle, Witness
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal
from gatelodge.observability.current import CURRENT
from gatelodge.ratelimit.errors import LimitReached
from gatelodge.resource_server.bearer import CredentialsMalformed
from gatelodge.resource_server.challenge import challenge
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.errors import TokenRejected
from gatelodge.resource_server.identity import Identity

__all__ = ["Catalogue", "Gate"]

logger = logging.getLogger(__name__)

# What a client may ask without a token when some component is public, so that it can find that component.
_DISCOVERY = frozenset(
    {
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
    }
)


class ScopeNotGiven(GatelodgeError):
    """The caller lacks a scope, and no sign-in could give it."""

    code = Code.SCOPE_NOT_GIVEN


class Catalogue(Protocol):
    """What the gate asks of the server behind it."""

    @property
    def mixed(self) -> bool:
        """Whether some component is public."""

    @property
    def basic_scopes(self) -> tuple[str, ...]:
        """Scopes of a first sign-in."""

    async def decision(self, operation: Operation, principal: Principal | None) -> Decision | None:
        """The access decision on the component an operation names; None when there is no such component."""


@dataclass(frozen=True, slots=True)
class Gate:
    """ASGI application in front of FastMCP's MCP endpoint."""

    app: ASGIApp
    config: ResourceServerConfig
    identity: Identity
    catalogue: Catalogue
    witnesses: tuple[Witness, ...] = ()
    throttle: Throttle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or set the principal and pass it on."""
        body, principal, operation = None, None, None
        try:
            principal = await identified(scope, self.identity, self.throttle, self.witnesses)
            # Where nothing is public, a stranger's body is not even read.
            if scope["method"] == "POST" and (principal is not None or self.catalogue.mixed):
                body = await read_body(receive)
            operation = parse_operation(body) if body is not None else None
            refusal: Response | None = await self._decided(scope, operation, principal)
        except ClientGone:
            return
        except GatelodgeError as error:
            refusal = self._refused(error, principal, operation)
        if refusal is not None:
            if scope["method"] == "HEAD":
                refusal.body = b""
            await refusal(scope, receive, send)
            return
        if operation is not None and operation.notification:
            send = _acknowledged(send)
        elif operation is not None and operation.method == "tools/list" and self.config.sign_in:
            send = with_security_schemes(send)
        scope[PRINCIPAL_KEY], scope[OPERATION_KEY] = principal, operation
        reset = PRINCIPAL.set(principal)
        try:
            await self.app(scope, receive if body is None else replay(body, receive), send)
        finally:
            PRINCIPAL.reset(reset)

    def _refused(self, error: GatelodgeError, principal: Principal | None, operation: Operation | None) -> Response:
        """The answer to credentials or a body that cannot be used, and to what is too much."""
        if isinstance(error, LimitReached):
            seen = CURRENT.get()
            if seen is not None and operation is not None:
                # No witness told it: the request's line and figure say which method it was.
                seen.method = operation.method
            return limited_answer(error, operation)
        if isinstance(error, TokenRejected):
            logger.info("token refused: %s", error.reason.value)
            return self._challenged(401, "invalid_token", error)
        if isinstance(error, CredentialsMalformed):
            logger.info("credentials refused: %s", error.detail)
            return self._challenged(400, "invalid_request", error)
        if isinstance(error, BodyMalformed) and principal is None:
            # A client that probes for the challenge sends any body, or none.
            return self._unauthenticated(())
        if isinstance(error, BodyTooLarge | BodyMalformed):
            return error_answer(error, mcp=True)
        logger.error("%s: %s", error.code.value, error.detail)
        return unavailable_answer(error, mcp=True)

    async def _decided(self, scope: Scope, operation: Operation | None, principal: Principal | None) -> Response | None:
        decision = None
        # A notification runs nothing, whatever it names.
        if operation is not None and not operation.notification:
            different = disagreement(scope["headers"], operation)
            if different is not None:
                return protocol_answer(400, operation.request_id, Code.HEADER_MISMATCH, different)
            if operation.target is not None:
                decision = await self.catalogue.decision(operation, principal)
                await told(scope, operation, principal, decision, throttle=self.throttle, witnesses=self.witnesses)
            if decision is not None and decision.answer is Answer.ALLOW:
                return None
            if decision is not None and decision.answer is Answer.STEP_UP:
                return self._step_up(scope, operation, decision, principal)
        if decision is not None:
            logger.info("denied by rule %s", decision.rule)
        # Denied and unknown components take the same way: FastMCP answers both as unknown.
        return None if principal is not None or self._open(operation) else self._unauthenticated(())

    def _open(self, operation: Operation | None) -> bool:
        if not self.catalogue.mixed or operation is None:
            return False
        # A component that does not exist is answered as FastMCP answers it, token or not.
        return operation.method in _DISCOVERY or operation.notification or operation.target is not None

    def _step_up(self, scope: Scope, operation: Operation, decision: Decision, principal: Principal | None) -> Response:
        if principal is None:
            return self._unauthenticated(decision.scopes)
        logger.info("step-up by rule %s, scopes %s", decision.rule, " ".join(decision.scopes))
        text = Code.SCOPE_MISSING.meaning.text
        if not self.config.sign_in:
            # Nobody to ask for more: a challenge would send the client round in circles.
            return error_answer(ScopeNotGiven(" ".join(decision.scopes)), "insufficient_scope", mcp=True)
        header = challenge(
            self.config.resource_metadata_url, scopes=decision.scopes, error="insufficient_scope", description=text
        )
        headers = scope["headers"]
        if wants_in_band(headers, operation):
            return in_band_answer(headers, operation, header, text=text, modern=is_modern(headers))
        return challenge_answer(403, header, code=Code.SCOPE_MISSING, error="insufficient_scope", description=text)

    def _unauthenticated(self, scopes: Iterable[str]) -> Response:
        # No error attribute without credentials (RFC 6750, section 3.1).
        header = challenge(self.config.resource_metadata_url, scopes=self._wanted(scopes))
        code = Code.TOKEN_MISSING
        return challenge_answer(401, header, code=code, error="unauthorized", description=code.meaning.text)

    def _wanted(self, scopes: Iterable[str]) -> tuple[str, ...]:
        """What a client is told to ask for."""
        return (tuple(scopes) or self.catalogue.basic_scopes) if self.config.sign_in else ()

    def _challenged(self, status: int, error: str, fault: GatelodgeError) -> Response:
        header = challenge(
            self.config.resource_metadata_url,
            scopes=self._wanted(()),
            error=error,
            description=fault.public,
        )
        return challenge_answer(status, header, code=fault.code, error=error, description=fault.public)


def _acknowledged(send: Send) -> Send:
    """A send that answers 202 without a body: nobody reads an answer to a notification (JSON-RPC 2.0, section 4.1)."""

    async def acknowledge(message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] != 202:
                logger.info("notification not understood, status %s", message["status"])
            await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
        elif not message.get("more_body", False):
            await send({"type": "http.response.body", "body": b""})

    return acknowledge

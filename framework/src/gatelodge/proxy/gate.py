"""Who calls the proxy's routes: an access token of this server's audience, its scopes decided by ``access``.

A browser's session is not looked at: it has no scopes, and a page of ours has no use for the proxy.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

from starlette.requests import Request
from starlette.responses import Response

from gatelodge.access.decide import Answer, decide
from gatelodge.access.requirement import Requirement
from gatelodge.connections.limits import identified
from gatelodge.connections.web_errors import log_refusal
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal
from gatelodge.proxy.answers import challenged, refused
from gatelodge.proxy.parts import ProxyParts
from gatelodge.resource_server.bearer import CredentialsMalformed
from gatelodge.resource_server.challenge import challenge
from gatelodge.resource_server.errors import TokenRejected

__all__ = ["Authorized", "guarded", "scope_refusal"]

_log = logging.getLogger(__name__)

Authorized = Callable[[Request, Principal], Awaitable[Response]]


def guarded(parts: ProxyParts, handler: Authorized, endpoint: str) -> Callable[[Request], Awaitable[Response]]:
    """The handler for callers with a token, with our errors as JSON; ``endpoint`` is its name for limits."""

    async def serve(request: Request) -> Response:
        try:
            principal = await identified(request.scope, parts.identity, parts.limits)
            if principal is None:
                header = challenge(parts.resource_metadata_url, scopes=[f"{parts.server}:read"])
                return challenged(Code.TOKEN_MISSING, header, error="unauthorized")
            limits = parts.limits
            # Before the body is read: what is refused for it later was work too.
            async with nullcontext() if limits is None else limits.call(request.scope, principal, endpoint):
                return await handler(request, principal)
        except TokenRejected as error:
            _log.info("token refused: %s", error.reason.value)
            return _challenged(parts, "invalid_token", error)
        except CredentialsMalformed as error:
            return _challenged(parts, "invalid_request", error)
        except GatelodgeError as error:
            log_refusal(_log, request, error)
            return refused(error, parts.link_url)

    return serve


def scope_refusal(parts: ProxyParts, principal: Principal, scope: str) -> Response | None:
    """403 with the scope to ask for; None when the caller has it."""
    decision = decide(Requirement(scopes=frozenset({scope})), principal)
    if decision.answer is Answer.ALLOW:
        return None
    _log.info("step-up by rule %s, scopes %s", decision.rule, " ".join(decision.scopes))
    text = Code.SCOPE_MISSING.meaning.text
    header = challenge(
        parts.resource_metadata_url, scopes=decision.scopes, error="insufficient_scope", description=text
    )
    return challenged(Code.SCOPE_MISSING, header, error="insufficient_scope")


def _challenged(parts: ProxyParts, error: str, fault: GatelodgeError) -> Response:
    header = challenge(
        parts.resource_metadata_url, scopes=[f"{parts.server}:read"], error=error, description=fault.public
    )
    return challenged(fault.code, header, error=error)

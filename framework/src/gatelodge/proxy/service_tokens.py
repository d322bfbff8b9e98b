"""Access tokens of users for a service that stands beside us: GET .../internal/tokens/{provider}?user=SUBJECT.

Invariants: only a client on the operator's list that acts for itself, no person by it, and has the scope
``gatelodge:tokens`` is answered, and never through a reverse proxy; every token that is given is recorded durably before it leaves; a refresh token is never given.
"""

import logging

from starlette.requests import Request
from starlette.responses import Response

from gatelodge.audit.actor import of_service, of_user
from gatelodge.audit.event import Event, Outcome
from gatelodge.connections.dialects import own_credential
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal
from gatelodge.proxy.answers import challenged, not_found, plain
from gatelodge.proxy.asked import BodyRefused
from gatelodge.proxy.models import ServiceToken
from gatelodge.proxy.parts import ProxyParts
from gatelodge.resource_server.challenge import challenge
from gatelodge.vault.owner import Owner

__all__ = ["SCOPE", "ServiceTokens"]

SCOPE = "gatelodge:tokens"
# A request with one of these came through a reverse proxy, which has no business here.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_LONGEST_SUBJECT = 255
_log = logging.getLogger(__name__)


class ServiceTokens:
    """The endpoint of one server."""

    def __init__(self, parts: ProxyParts) -> None:
        self._parts = parts

    async def serve(self, request: Request, principal: Principal) -> Response:
        """The access token that is good now, with what calls need besides. Raises: what ``guarded`` answers."""
        provider = request.path_params["provider"]
        if any(name in request.headers for name in _FORWARDED) or not self._parts.registry.configured(provider):
            return not_found()
        rule = self._refused(principal)
        if rule is not None:
            about = {"provider": provider, "client": (principal.client_id or "")[:200]}
            self._parts.recorder.count("service.token", rule, _actor(principal), about)
            # No client gets the scope by asking for it, so none is named.
            header = challenge(self._parts.resource_metadata_url, scopes=(), error="insufficient_scope")
            return challenged(Code.SCOPE_MISSING, header, error="insufficient_scope")
        users = request.query_params.getlist("user")
        if len(users) != 1 or not 0 < len(users[0]) <= _LONGEST_SUBJECT or not users[0].isprintable():
            raise BodyRefused("user: name one subject")
        return await self._given(Owner(principal.issuer, users[0], provider), principal)

    def _refused(self, principal: Principal) -> str | None:
        """The rule that refuses the caller, for the audit trail."""
        if principal.client_id not in self._parts.service_clients:
            return "client"
        if not principal.service:
            return "user"
        return None if SCOPE in principal.scopes else "scopes"

    async def _given(self, owner: Owner, principal: Principal) -> Response:
        try:
            field = own_credential(owner.provider)
            token = await self._parts.tokens.access(owner, purpose="service", credential=field, actor=_actor(principal))
        except GatelodgeError as error:
            await self._record(principal, owner, "failed", error.code.value)
            raise
        await self._record(principal, owner, "ok", None)
        body = ServiceToken(
            access_token=token.value.reveal(),
            expires_at=token.expires_at,
            scopes=sorted(token.scopes),
            account_id=token.account_id,
            extra=dict(token.extra),
        )
        return plain(200, body.model_dump())

    async def _record(self, principal: Principal, owner: Owner, outcome: Outcome, rule: str | None) -> None:
        whose = of_user(owner.tenant, owner.user)
        subject = {"provider": owner.provider, "owner": whose, "client": (principal.client_id or "")[:200]}
        await self._parts.trail.record(Event("service.token", _actor(principal), subject, outcome, rule))


def _actor(principal: Principal) -> str:
    if principal.service and principal.client_id is not None:
        return of_service(principal.client_id)
    return of_user(principal.issuer, principal.subject)

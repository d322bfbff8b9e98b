"""The routes of connected accounts for front ends: JSON, by access token or by the session of our own pages.

Answers are for their caller alone (``no-store``); an error is problem details (RFC 9457): its code, a constant text and a
next step.
"""

import logging
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gatelodge.connections.api_models import AuthorizationUrl, Connection, Connections, CsrfToken, StillAuthorised
from gatelodge.connections.beginning import begin_link
from gatelodge.connections.callers import api_caller, challenge_of
from gatelodge.connections.csrf import HEADER
from gatelodge.connections.errors import ProviderUnavailable
from gatelodge.connections.parts import Handler, WebParts
from gatelodge.connections.reading import REASONS
from gatelodge.connections.state import LIFE
from gatelodge.connections.web_errors import ScopeMissing, limit_headers, log_refusal
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.problem import MEDIA_TYPE, problem, problem_of
from gatelodge.core.shielded import shielded
from gatelodge.issuer.errors import Unavailable
from gatelodge.observability.request_id import current_request_id
from gatelodge.vault.records import Record, Status

__all__ = ["Api", "answered"]

_log = logging.getLogger(__name__)
_FIXED = {"cache-control": "no-store", "x-content-type-options": "nosniff", "vary": "Cookie, Authorization"}


class Api:
    """Handlers of one server."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts

    async def url(self, request: Request) -> Response:
        """GET .../api/auth/{provider}/url: where the user consents, with a fresh state; the end of it is a change."""
        async with api_caller(request, self._parts, "/api/auth/{provider}/url", "write") as caller:
            name = request.path_params["provider"]
            if not self._parts.registry.configured(name):
                return _missing("No such provider is set up here.", "Ask for the list of connections.")
            if self._parts.registry.get(name).provider.kind != "oauth":
                hint = f"Open {self._parts.place.link_url(name)} and enter an API token."
                return _missing("This provider has no authorization page.", hint)
            url = await begin_link(self._parts, caller, name, request.query_params.get("return_to"))
            return _json(AuthorizationUrl(authorization_url=url, expires_in=int(LIFE)))

    async def list(self, request: Request) -> Response:
        """GET .../api/connections: every provider set up here, with what is linked."""
        async with api_caller(request, self._parts, "/api/connections", "read") as caller:
            kept = {
                record.owner.provider: record
                for record in await self._parts.store.list(tenant=caller.issuer, user=caller.subject)
            }
            names = self._parts.registry.names()
            body = Connections(connections=[self._entry(name, kept.get(name)) for name in names])
            if caller.session is not None:
                body.csrf = CsrfToken(header=HEADER, token=caller.session.csrf.reveal())
            return _json(body)

    async def unlink(self, request: Request) -> Response:
        """DELETE .../api/connections/{provider}: forget the account."""
        async with api_caller(request, self._parts, "/api/connections/{provider}", "write") as caller:
            owner = caller.owner(request.path_params["provider"])
            done = await shielded(self._parts.linking.unlink(owner, actor=caller.actor))
            if done is None:
                return _missing("No account of this provider is linked.", "There is nothing to unlink.")
            if done.authorised_at is not None:
                return _json(StillAuthorised(provider=owner.provider, authorised_at=done.authorised_at))
            return Response(status_code=204, headers={"cache-control": "no-store"})

    def _entry(self, name: str, record: Record | None) -> Connection:
        provider = self._parts.registry.get(name).provider
        entry = Connection(provider=name, title=provider.title, kind=provider.kind, status="not_linked")
        if self._parts.store.keeps_accounts:
            entry.link_url = self._parts.place.link_url(name)
        if record is None:
            return entry
        unreadable = record.quarantined_at is not None
        active = record.status is Status.ACTIVE and not unreadable
        reason = "unreadable" if unreadable else record.reason
        entry.status = "active" if active else "needs_attention"
        entry.reason = None if active else reason
        entry.explanation = None if active else REASONS.get(reason or "")
        entry.account_id, entry.account_name = record.account_id, record.account_name
        entry.scopes = sorted(record.scopes)
        entry.linked_at, entry.consent_ends_at = record.created_at, record.absolute_expires_at
        return entry


def answered(handler: Handler, parts: WebParts) -> Handler:
    """The handler with our errors as JSON; a refused caller learns from the challenge where to sign in."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except GatelodgeError as error:
            log_refusal(_log, request, error)
            name = "insufficient_scope" if isinstance(error, ScopeMissing) else error.code.value
            challenge = challenge_of(error, parts)
            headers = {} if challenge is None else {"www-authenticate": challenge}
            wait = error.retry_after if isinstance(error, Unavailable | ProviderUnavailable) else None
            if wait is not None:
                headers["retry-after"] = str(int(wait))
            headers.update(limit_headers(error))
            told = {"error": name, "error_description": error.public}
            return _problem(problem_of(error, current_request_id(), **told), headers)

    return answer


def _missing(text: str, hint: str) -> Response:
    told: dict[str, Any] = {"error": Code.NOT_FOUND.value, "error_description": text}
    return _problem(problem(Code.NOT_FOUND, current_request_id(), detail=text, hint=hint, **told), {})


def _problem(body: dict[str, Any], headers: dict[str, str]) -> Response:
    return JSONResponse(body, body["status"], {**_FIXED, **headers}, media_type=MEDIA_TYPE)


def _json(body: BaseModel) -> Response:
    return JSONResponse(body.model_dump(exclude_unset=True), headers=_FIXED)

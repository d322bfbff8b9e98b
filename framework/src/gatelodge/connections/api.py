"""The routes of connected accounts for front ends: JSON, by access token or by the session of our own pages.

Answers are for their caller alone (``no-store``); an error has its code, a constant text and a next step.
"""

import logging
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gatelodge.connections.beginning import begin_link
from gatelodge.connections.callers import api_caller
from gatelodge.connections.csrf import HEADER
from gatelodge.connections.errors import ProviderUnavailable
from gatelodge.connections.flights import shielded
from gatelodge.connections.parts import Handler, WebParts
from gatelodge.connections.reading import REASONS
from gatelodge.connections.state import LIFE
from gatelodge.connections.web_errors import ScopeMissing
from gatelodge.core.errors import GatelodgeError
from gatelodge.issuer.errors import Unavailable
from gatelodge.vault.records import Record, Status

__all__ = ["Api", "answered"]

_log = logging.getLogger(__name__)


class Api:
    """Handlers of one server."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts

    async def url(self, request: Request) -> Response:
        """GET .../api/auth/{provider}/url: where the user consents, with a fresh state; the end of it is a change."""
        caller = await api_caller(request, self._parts, "write")
        name = request.path_params["provider"]
        if not self._parts.registry.configured(name):
            return _refusal(404, "not_found", "No such provider is set up here.", "Ask for the list of connections.")
        if self._parts.registry.get(name).provider.kind != "oauth":
            hint = f"Open {self._parts.place.link_url(name)} and enter an API token."
            return _refusal(404, "not_found", "This provider has no authorization page.", hint)
        url = await begin_link(self._parts, caller, name, request.query_params.get("return_to"))
        return _json(200, {"authorization_url": url, "expires_in": int(LIFE)})

    async def list(self, request: Request) -> Response:
        """GET .../api/connections: every provider set up here, with what is linked."""
        caller = await api_caller(request, self._parts, "read")
        kept = {
            record.owner.provider: record
            for record in await self._parts.store.list(tenant=caller.issuer, user=caller.subject)
        }
        names = self._parts.registry.names()
        body: dict[str, Any] = {"connections": [self._entry(name, kept.get(name)) for name in names]}
        if caller.session is not None:
            body["csrf"] = {"header": HEADER, "token": caller.session.csrf.reveal()}
        return _json(200, body)

    async def unlink(self, request: Request) -> Response:
        """DELETE .../api/connections/{provider}: forget the account."""
        caller = await api_caller(request, self._parts, "write")
        owner = caller.owner(request.path_params["provider"])
        if await shielded(self._parts.linking.unlink(owner, actor=caller.actor)):
            return Response(status_code=204, headers={"cache-control": "no-store"})
        return _refusal(404, "not_found", "No account of this provider is linked.", "There is nothing to unlink.")

    def _entry(self, name: str, record: Record | None) -> dict[str, Any]:
        provider = self._parts.registry.get(name).provider
        entry: dict[str, Any] = {
            "provider": name,
            "title": provider.title,
            "kind": provider.kind,
            "status": "not_linked",
            "link_url": self._parts.place.link_url(name),
        }
        if record is None:
            return entry
        unreadable = record.quarantined_at is not None
        active = record.status is Status.ACTIVE and not unreadable
        reason = "unreadable" if unreadable else record.reason
        return {
            **entry,
            "status": "active" if active else "needs_attention",
            "reason": None if active else reason,
            "explanation": None if active else REASONS.get(reason or ""),
            "account_id": record.account_id,
            "account_name": record.account_name,
            "scopes": sorted(record.scopes),
            "linked_at": record.created_at,
            "consent_ends_at": record.absolute_expires_at,
        }


def answered(handler: Handler) -> Handler:
    """The handler with our errors as JSON."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except GatelodgeError as error:
            _log.warning("%s %s refused: %s", request.method, request.url.path, error.detail)
            name, headers = error.code.value, {}
            if isinstance(error, ScopeMissing):
                name, headers["www-authenticate"] = "insufficient_scope", error.challenge
            elif error.status == 401:
                headers["www-authenticate"] = "Bearer"
            wait = error.retry_after if isinstance(error, Unavailable | ProviderUnavailable) else None
            if wait is not None:
                headers["retry-after"] = str(int(wait))
            meaning = error.code.meaning
            return _refusal(error.status, name, meaning.text, meaning.hint, headers)

    return answer


def _refusal(status: int, error: str, text: str, hint: str, headers: dict[str, str] | None = None) -> Response:
    return _json(status, {"error": error, "error_description": text, "hint": hint}, headers)


def _json(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    fixed = {"cache-control": "no-store", "x-content-type-options": "nosniff", "vary": "Cookie, Authorization"}
    return JSONResponse(body, status, {**fixed, **(headers or {})})

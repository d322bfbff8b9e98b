"""Authorization requests of clients whose ``client_id`` is the URL of their metadata document.

draft-ietf-oauth-client-id-metadata-document. The desk reads the document, makes the client known to Keycloak and sends
the browser back to the same request with a mark that the proxy routes to Keycloak. Invariants: the only place a browser
is sent to is the configured issuer's authorization endpoint; nothing of the request but its query as it came is in that
address; the desk signs nobody in and sees no code; a document that is not held costs its asker a token. Not here: what
a document may say (``registration.documents``).
"""

import logging
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import Response

from gatelodge.app.desk import consent
from gatelodge.app.desk.clients import DocumentClients
from gatelodge.app.desk.pages import page, plain
from gatelodge.app.desk.refusals import HostNotAllowed, again, cancelled, refusal, unclear
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.urls import origin_of
from gatelodge.ratelimit.address import caller
from gatelodge.registration.documents.document_url import checked_url, host_of
from gatelodge.registration.documents.errors import DocumentUnavailable, DocumentWithdrawn
from gatelodge.registration.documents.hosts import DocumentHosts
from gatelodge.registration.documents.model import ClientDocument
from gatelodge.registration.documents.store import DocumentStore
from gatelodge.registration.limits import DocumentLimits
from gatelodge.registration.service_account import RegistrarRefused

__all__ = ["AUTHORIZATION", "MARK", "Authorize"]

logger = logging.getLogger(__name__)

AUTHORIZATION = "/protocol/openid-connect/auth"
MARK = "gatelodge_client"
# What may stand in a query as it is (RFC 3986, section 3.4), and what browsers leave as it is.
_AS_IT_IS = "!$&'()*+,-./:;=?@_~%[]|"
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Authorize:
    """Answers authorization requests, and the form of the consent page.

    ``clients`` is None where the desk has no account at Keycloak: every request then goes on as it is.
    """

    issuer: str
    mode: Literal["allow-list", "open", "off"]
    hosts: DocumentHosts
    store: DocumentStore
    clients: DocumentClients | None
    tickets: consent.Tickets
    limits: DocumentLimits
    trusted_proxies: frozenset[str] = frozenset()

    async def answer(self, request: Request) -> Response:
        """A redirect to Keycloak, the consent page, or a page that says what is wrong."""
        query = quote(request.scope["query_string"], safe=_AS_IT_IS)
        client_id = _client_id(query)
        if client_id is None:
            return unclear(request)
        try:
            document = await self._document(client_id, request)
            if document is not None and not self.hosts.trusts(document.host):
                # Only in mode ``open``: else such a host was refused.
                return self._ask(document, query)
            await self._ensure(document)
        except GatelodgeError as error:
            return refusal(request, error, client_id)
        return Response(status_code=302, headers={"location": self._onward(query), "cache-control": "no-store"})

    async def consented(self, request: Request) -> Response:
        """The answer of the consent page's form."""
        answered = await consent.read_answer(request, origin_of(self.issuer))
        client_id = _client_id(answered.query) if answered else None
        if answered is None or client_id is None:
            return again(request)
        if not answered.accepted:
            response = cancelled(request)
            consent.forget_cookie(response)
            return response
        try:
            document = await self._document(client_id, request)
            seen = document.fingerprint if document else ""
            cookie = request.cookies.get(consent.COOKIE, "")
            if not self.tickets.redeem(answered.ticket, cookie, answered.query, seen):
                logger.warning("consent to %r refused: its ticket is not good for this", client_id)
                return again(request)
            await self._ensure(document)
        except GatelodgeError as error:
            return refusal(request, error, client_id)
        response = page("onward", target=self._onward(answered.query))
        consent.forget_cookie(response)
        return response

    async def _document(self, client_id: str, request: Request) -> ClientDocument | None:
        """The client's document; None where the request goes on to Keycloak without one.

        Raises: ClientIdInvalid, DocumentInvalid, DocumentUnavailable, DocumentWithdrawn, HostNotAllowed,
        TooManyDocuments, and what ``DocumentClients`` raises.
        """
        clients = self.clients
        if self.mode == "off" or clients is None:
            return None
        checked_url(client_id)
        host = host_of(client_id)
        if self.mode == "allow-list" and not self.hosts.trusts(host):
            if await clients.made_by_person(client_id):
                return None
            raise HostNotAllowed(host, self.hosts.allowed)
        # Before the ``try``: over the limit, Keycloak is not asked either.
        if not self.store.holds(client_id):
            await self.limits.count_new(caller(request.scope, self.trusted_proxies))
        try:
            return (await self.store.get(client_id)).document
        except DocumentUnavailable:
            # A link that worked goes on working through an outage on the vendor's side.
            if not await clients.exists(client_id):
                raise
        except DocumentWithdrawn:
            if await clients.withdraw(client_id) not in {"marked", "waiting", "foreign"}:
                raise
        return None

    async def _ensure(self, document: ClientDocument | None) -> None:
        if document is None or self.clients is None:
            return
        try:
            outcome = await self.clients.ensure(document)
        except RegistrarRefused as error:
            # What Keycloak knows already still works: it answers the request itself.
            logger.error("client document %s: %s (next step: %s)", document.client_id, error.detail, error.hint)
            return
        if outcome != "unchanged":
            logger.info("client document %s: client %s at Keycloak", document.client_id, outcome)

    def _ask(self, document: ClientDocument, query: str) -> Response:
        cookie = consent.new_cookie()
        targets = dict.fromkeys(origin_of(uri) for uri in document.redirect_uris)
        response = page(
            "consent",
            host=document.host,
            name=plain(document.name),
            client_id=document.client_id,
            targets=list(targets)[:_MOST_SHOWN],
            query=query,
            ticket=self.tickets.issue(cookie, query, document.fingerprint),
        )
        consent.set_cookie(response, cookie)
        return response

    def _onward(self, query: str) -> str:
        return f"{self.issuer}{AUTHORIZATION}?{query}&{MARK}=ready"


def _client_id(query: str) -> str | None:
    """The one ``client_id`` of a query without the mark: with it, sending it on again would go round in circles."""
    try:
        asked = parse_qs(query, keep_blank_values=True, errors="strict")
    except ValueError:
        return None
    values = asked.get("client_id", [])
    return values[0] if len(values) == 1 and MARK not in asked else None

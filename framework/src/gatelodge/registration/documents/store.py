"""The documents of clients and their keys, fetched when needed, kept, and the well-known ones besides.

Invariant: a document or a key set that comes out has passed the rules of ``read``, whatever way it came. Keycloak gets
a client's keys from here, so that it never follows a stranger's URL.

Not here: whether a host is trusted without asking a person (``app.desk``), the Keycloak client (``registration``).
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gatelodge.core.clock import Clock
from gatelodge.outbound.guard import GuardedOutbound
from gatelodge.registration.documents.copies import LEAST, Copies
from gatelodge.registration.documents.document_url import checked_url, host_of
from gatelodge.registration.documents.errors import DocumentError, DocumentUnavailable, KeysUnavailable
from gatelodge.registration.documents.hosts import DocumentHosts
from gatelodge.registration.documents.key_sets import MAX_SET_BYTES, public_keys
from gatelodge.registration.documents.known import KnownDocument, differences
from gatelodge.registration.documents.model import ClientDocument, Held
from gatelodge.registration.documents.read import MAX_DOCUMENT_BYTES, read_document
from gatelodge.registration.documents.strict_object import strict_object

__all__ = ["DocumentStore"]

logger = logging.getLogger(__name__)


class DocumentStore:
    """Documents by client id. Copies are in ``state``/documents and ``state``/document-keys, or nowhere on disk."""

    def __init__(
        self,
        fetch: GuardedOutbound,
        *,
        hosts: DocumentHosts,
        clock: Clock,
        state: Path | None,
        known: Mapping[str, KnownDocument] | None = None,
        limit: int = 2000,
    ) -> None:
        self._hosts = hosts
        self._known = dict(known or {})
        self._reported: dict[str, bytes] = {}
        self._documents = Copies(
            fetch,
            self._read,
            clock=clock,
            folder=state / "documents" if state else None,
            max_bytes=MAX_DOCUMENT_BYTES,
            spares=self._trusted,
            limit=limit,
        )
        self._keys = Copies(
            fetch,
            _read_keys,
            clock=clock,
            folder=state / "document-keys" if state else None,
            max_bytes=MAX_SET_BYTES,
            spares=self._trusted,
            limit=min(limit, 200),
            # Keycloak keeps a set itself and asks when it meets a key it does not know: an old copy would not help it.
            most=LEAST,
        )

    async def get(self, client_id: str) -> Held:
        """The document of a client.

        Raises: ClientIdInvalid, DocumentInvalid, DocumentUnavailable, DocumentWithdrawn.
        """
        checked_url(client_id)
        try:
            got = await self._documents.get(client_id)
        except DocumentUnavailable:
            known = self._known.get(client_id)
            if known is None:
                raise
            logger.info("the document of %s as seen on %s is used in place of its own", client_id, known.seen)
            return Held(self._read(client_id, known.body), "known", changed=False)
        if got.source == "fetched":
            self._report(client_id, got.body)
        return Held(got.value, got.source, got.changed)

    async def keys(self, client_id: str) -> Mapping[str, Any]:
        """The public keys of a client, as a JWK set.

        Raises: ClientIdInvalid, DocumentInvalid, DocumentUnavailable, DocumentWithdrawn, KeysUnavailable.
        """
        document = (await self.get(client_id)).document
        if document.jwks is not None:
            return document.jwks
        if document.jwks_uri is None:
            raise KeysUnavailable("The client's document names no keys.")
        try:
            return (await self._keys.get(document.jwks_uri)).value
        except DocumentError as error:
            raise KeysUnavailable(f"jwks_uri: {error.description}", detail=error.detail) from error

    def holds(self, client_id: str) -> bool:
        """Whether ``get`` could answer without a fetch, or would fetch only to confirm a copy."""
        return client_id in self._known or self._documents.has(client_id)

    def held(self) -> Sequence[str]:
        """Client ids that there are copies of, withdrawn ones included."""
        return self._documents.urls()

    async def aclose(self) -> None:
        """End the fetches in flight."""
        await self._documents.aclose()
        await self._keys.aclose()

    def _trusted(self, url: str) -> bool:
        return self._hosts.trusts(host_of(url))

    def _read(self, client_id: str, body: bytes) -> ClientDocument:
        return read_document(body, client_id, hosts=self._hosts)

    def _report(self, client_id: str, body: bytes) -> None:
        """One line in the log when a well-known document is not as it was seen any more."""
        known = self._known.get(client_id)
        if known is None or self._reported.get(client_id) == body:
            return
        self._reported[client_id] = body
        members = differences(known, body)
        if members:
            names = ", ".join(members)
            logger.warning("the document of %s differs from the one seen on %s in: %s", client_id, known.seen, names)


def _read_keys(_url: str, body: bytes) -> dict[str, Any]:
    return public_keys(strict_object(body, "key set"))

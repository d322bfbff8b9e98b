"""A local stack as a target: its authority, a user of its realm, its administrator for cleaning up, a place for documents.

Invariant: read from the private state folder of a stack that runs at the origin of this URL; the one thing that is
written there is the key of the verifier's own client documents and the number of runs.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.core.urls import origin_of
from gatelodge.ops.realm.apply import RealmAdmin
from gatelodge.ops.realm.connection import RealmRefused
from gatelodge.ops.stack.authority import host_certificate
from gatelodge.ops.stack.internal import read_internal
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.record import write_private
from gatelodge.ops.stack.status import read_status
from gatelodge.ops.verify.own_documents import OwnDocuments, new_key, publishing

__all__ = ["LocalStack", "local_stack"]


# The desk believes for a minute that a client is at Keycloak, which the last run removed there: so the next run has
# another one. They come round again, because the desk keeps a copy of each document.
_FOLDERS = 20


@dataclass(frozen=True, slots=True)
class LocalStack:
    """What a verification needs of a running stack."""

    ca_file: Path
    username: str
    password: Secret
    issuer: str
    layout: Layout

    def remove(self, client_id: str) -> None:
        """Remove a registered client by the realm's administrator. Raises: RealmRefused."""
        inside = read_internal(self.layout)
        if inside is None:
            raise RealmRefused("DELETE", "clients", 0, f"{self.layout.internal} cannot be read; start the stack again")
        who = inside.administrator
        admin = RealmAdmin(who.url, who.username, who.password)
        try:
            admin.delete_client(client_id)
        finally:
            admin.close()

    @asynccontextmanager
    async def documents(self, clock: Clock) -> AsyncIterator[OwnDocuments | None]:
        """The verifier's documents, served where this stack's desk reads them; None where it has no place for them.

        Raises: AuthorityMissing, DiskRefused.
        """
        inside = read_internal(self.layout)
        place = inside.documents if inside else None
        if place is None:
            yield None
            return
        certificate = host_certificate(self.layout.tls, place["host"], clock)
        key, runs = _counted(self.layout.secrets / "verifier.json")
        documents = OwnDocuments(place["host"], key, clock, folder=str(runs % _FOLDERS))
        async with publishing(documents, place["port"], certificate):
            yield documents


def local_stack(layout: Layout, url: str | None = None) -> LocalStack | None:
    """The stack of a checkout when it runs at the origin of ``url`` (anywhere, without one); None otherwise."""
    status = read_status(layout)
    if not status.ready or not status.users:
        return None
    # The origin: a mistyped path is a finding, and a stack may have several servers.
    if url is not None and origin_of(url) != origin_of(status.urls["mcp_url"]):
        return None
    username, password = next(iter(status.users.items()))
    return LocalStack(status.ca_file, username, Secret(password), status.urls["issuer"], layout)


def _counted(path: Path) -> tuple[RSAKey, int]:
    """The same key in every run, because the desk and Keycloak keep copies of what they read; and the run's number."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        key, runs = RSAKey.import_key(kept["key"]), int(kept["runs"]) + 1
    except (FileNotFoundError, ValueError, KeyError, TypeError, JoseError):
        key, runs = new_key(), 1
    write_private(path, json.dumps({"key": key.as_dict(private=True), "runs": runs}))
    return key, runs

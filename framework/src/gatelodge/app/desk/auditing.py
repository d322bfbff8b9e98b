"""What the desk decides as audit events: clients made, folded, changed, refused and removed, and those of documents.

Invariant: a change is durable in the trail before its answer; refusals are counted, for a stranger can make any number.
Not here: the trail itself (``app.auditing``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from gatelodge.app.auditing import Auditing
from gatelodge.audit.actor import SYSTEM
from gatelodge.audit.event import Event
from gatelodge.core.errors import GatelodgeError
from gatelodge.registration.errors import RegistrarUnavailable, RegistrationError
from gatelodge.registration.reaper import Removal

__all__ = ["DeskAudit"]

_MANAGED: Mapping[str, str] = {"PUT": "registration.change", "DELETE": "registration.remove"}
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class DeskAudit:
    """Records where ``audit`` is there; else every method does nothing."""

    audit: Auditing | None = None

    async def registered(self, request: Request, client_id: str, *, folded: bool, about: str) -> None:
        """A client was made, or an earlier one given again. Raises: RegistrarUnavailable, when it cannot be kept."""
        kind = "registration.fold" if folded else "registration.create"
        await self._keep(request, kind, {"client": client_id[:_LONGEST], "about": about[:_LONGEST]})

    async def managed(self, request: Request, client_id: str) -> None:
        """A client changed or removed itself. Raises: RegistrarUnavailable, when it cannot be kept."""
        kind = _MANAGED.get(request.method)
        if kind is not None:
            await self._keep(request, kind, {"client": client_id[:_LONGEST]})

    def refused(self, request: Request, error: RegistrationError) -> None:
        """A registration, or a client's request about itself, was refused."""
        if self.audit is not None:
            self.audit.recorder.count("registration.refuse", error.code.value, self.audit.stranger(request.scope))

    async def document(self, client_id: str, outcome: str) -> None:
        """The client of a document was made, changed or disabled. Raises: StorageUnavailable, StorageFault."""
        if self.audit is not None:
            details = {"client": client_id[:_LONGEST], "done": outcome}
            await self.audit.recorder.record(Event("registration.document", SYSTEM, details))

    def reaped(self, removal: Removal) -> None:
        """The reaper removed a client."""
        if self.audit is not None:
            details = {"client": removal.client_id[:_LONGEST], "name": removal.name[:100]}
            self.audit.recorder.tell(Event("registration.reap", SYSTEM, details, "ok", removal.why))

    async def _keep(self, request: Request, kind: str, details: dict[str, str]) -> None:
        if self.audit is None:
            return
        actor = self.audit.stranger(request.scope)
        try:
            await self.audit.recorder.record(Event(kind, actor, details))
        except GatelodgeError as error:
            told = "It cannot be recorded right now; try again in a moment."
            raise RegistrarUnavailable(told, detail=f"{kind} of {details['client']}: {error.detail}") from error

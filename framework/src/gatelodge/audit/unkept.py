"""A trail that keeps nothing, for development without a database."""

from collections.abc import AsyncIterator, Collection

from gatelodge.audit.chain import Anchor, Recorded
from gatelodge.audit.event import Event
from gatelodge.audit.verdict import Verdict
from gatelodge.storage.database import Transaction

__all__ = ["NoTrail"]


class NoTrail:
    """The interface of ``Trail``; events are checked by being made, and forgotten."""

    async def record(self, event: Event, *, tx: Transaction | None = None) -> None:
        """Keep nothing."""

    def note(self, event: Event, *, done: bool = False) -> None:
        """Keep nothing."""

    async def flush(self) -> None:
        """Nothing waits."""

    async def aclose(self) -> None:
        """Nothing is open."""

    async def anchor(self) -> Anchor:
        """The end of an empty trail."""
        return Anchor(0, "")

    async def verify(self, *anchors: Anchor) -> Verdict:  # noqa: ARG002 - the interface of Trail
        """Nothing can be broken."""
        return Verdict(0)

    async def search(
        self,
        *,
        kinds: Collection[str] | None = None,  # noqa: ARG002 - the interface of Trail
        actor: str | None = None,  # noqa: ARG002
        since: float | None = None,  # noqa: ARG002
        until: float | None = None,  # noqa: ARG002
        limit: int = 1000,  # noqa: ARG002
    ) -> AsyncIterator[Recorded]:
        """Nothing is found."""
        nothing: tuple[Recorded, ...] = ()
        for recorded in nothing:
            yield recorded

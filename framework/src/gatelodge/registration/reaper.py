"""Clients that nobody uses, removed: those never used, and those long dead.

``decide`` is pure; ``sweep`` asks Keycloak and acts. Invariants: a client is removed only when Keycloak was asked for
its sessions just before and had none, active or offline; never one without the desk's mark, never a predefined one,
never one younger than an hour. A client of a document goes only when long dead: its next sign-in makes it again.

Work is bounded: a sweep reads the list, then asks for the sessions of those clients only for which they could matter,
first of those that could be removed (each of which then goes, or is not asked about for a day), then of those whose
mark is due, a limited number in the order of their ids, going on at the next sweep where this one ended. So every client
is asked about in turn, however many there are.

Why offline sessions tell: a client that keeps a link holds a refresh token, and Keycloak keeps a session, active or
offline, as long as that token can be used. A sweep also writes the day it last saw sessions (``SEEN_AT``).
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gatelodge.registration.keycloak_clients import KeycloakClients, SessionCount
from gatelodge.registration.marks import MADE_AT, MADE_BY, SEEN_AT, made_by, moment, stamp

__all__ = ["Cursor", "Decision", "ReapPolicy", "Removal", "SweepReport", "decide", "due", "sweep"]

logger = logging.getLogger(__name__)

Decision = Literal["keep", "seen", "unused", "dead"]

_DAY = 86_400.0
_WARN_AT = 0.8
# Clients whose sessions are asked for together.
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class ReapPolicy:
    """Times in seconds, 0 for never.

    What one sweep does at most: ``looks`` clients asked about, of which ``notes`` only to note that they are in use;
    ``removals`` clients removed. With hourly sweeps, 500 notes reach each of 10,000 clients within a day.
    """

    unused_after: float = _DAY
    dead_after: float = 180 * _DAY
    max_clients: int = 2000
    spared: float = 3600.0
    looks: int = 2000
    notes: int = 500
    removals: int = 500


@dataclass(frozen=True, slots=True)
class Removal:
    """A client that went, or in a dry run would go."""

    client_id: str
    name: str
    why: Decision


@dataclass
class SweepReport:
    """What a sweep found and did. ``unfinished``: a bound was reached, the next sweep goes on."""

    clients: int = 0
    looked_at: int = 0
    seen: int = 0
    spared: int = 0
    removed: list[Removal] = field(default_factory=list)
    unfinished: bool = False


@dataclass
class Cursor:
    """Where the last sweep's notes ended: an id of Keycloak's. Kept by whoever sweeps again and again."""

    last: str = ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a sweep keeps in memory of a client."""

    id: str
    client_id: str
    marks: Mapping[str, Any]

    def named(self) -> dict[str, str]:
        return {"id": self.id, "clientId": self.client_id}


def decide(client: Mapping[str, Any], sessions: SessionCount, policy: ReapPolicy, now: float) -> Decision:
    """What is to be done with a client that has these sessions: keep, note that it was seen, or remove it."""
    if not _ours(client) or _age(client, now) < policy.spared:
        return "keep"
    if sessions.active or sessions.offline:
        return "seen" if _unseen_for(client, now) >= _DAY else "keep"
    return _removable(client, policy, now) or "keep"


def due(client: Mapping[str, Any], policy: ReapPolicy, now: float) -> bool:
    """Whether the sessions of a client need to be asked for: they could change what ``decide`` says."""
    if not _ours(client) or _age(client, now) < policy.spared:
        return False
    return _unseen_for(client, now) >= _DAY or _removable(client, policy, now) is not None


async def sweep(
    clients: KeycloakClients,
    *,
    policy: ReapPolicy,
    now: float,
    dry_run: bool,
    cursor: Cursor | None = None,
    removed: Callable[[Removal], None] | None = None,
) -> SweepReport:
    """Look at the realm's clients once; ``removed`` is told of each that went. Raises: RegistrarUnavailable, RegistrarRefused; what was done stays done."""
    report = await _Sweep(clients, policy, now, dry_run, cursor or Cursor(), removed).run()
    said = (report.clients, report.looked_at, report.seen, len(report.removed), " (dry run)" if dry_run else "")
    logger.info("reaper: %d clients, %d looked at, %d seen in use, %d removed%s", *said)
    return report


@dataclass
class _Sweep:
    clients: KeycloakClients
    policy: ReapPolicy
    now: float
    dry_run: bool
    cursor: Cursor
    removed: Callable[[Removal], None] | None
    report: SweepReport = field(default_factory=SweepReport)

    async def run(self) -> SweepReport:
        removable, others = await self._waiting()
        _warn(self.report.clients, self.policy)
        first = removable[: self.policy.looks]
        then = self._in_turn(others, min(self.policy.notes, self.policy.looks - len(first)))
        self.report.unfinished = len(first) < len(removable) or len(then) < len(others)
        for some in _batches(first):
            if len(self.report.removed) >= self.policy.removals:
                self.report.unfinished = True
                break
            await self._look(some)
        for some in _batches(then):
            await self._look(some)
            self.cursor.last = some[-1].id
        return self.report

    async def _look(self, some: Sequence[_Entry]) -> None:
        counts = await self.clients.sessions([entry.named() for entry in some])
        for entry in some:
            await self._handle(entry, counts.get(entry.client_id))

    def _in_turn(self, entries: Sequence[_Entry], number: int) -> Sequence[_Entry]:
        """As many as ``number``, in the order of their ids, from behind the cursor on and round."""
        ordered = sorted(entries, key=lambda entry: (entry.id <= self.cursor.last, entry.id))
        return ordered[:number]

    async def _waiting(self) -> tuple[Sequence[_Entry], Sequence[_Entry]]:
        """The clients to look at: those that may go, not seen for longest first, and the others."""
        policy, now = self.policy, self.now
        # By id: a client made while reading moves others to a page that was not read yet.
        found: dict[str, _Entry] = {}
        async for client in self.clients.all():
            self.report.clients += 1
            if due(client, policy, now):
                attributes = client.get("attributes") or {}
                marks = {name: attributes[name] for name in (MADE_BY, MADE_AT, SEEN_AT) if name in attributes}
                found[client["id"]] = _Entry(client["id"], client["clientId"], {"attributes": marks})
        removable = [entry for entry in found.values() if _removable(entry.marks, policy, now) is not None]
        others = [entry for entry in found.values() if _removable(entry.marks, policy, now) is None]
        return sorted(removable, key=lambda entry: -_unseen_for(entry.marks, now)), others

    async def _handle(self, entry: _Entry, count: SessionCount | None) -> None:
        self.report.looked_at += 1
        # None: it went meanwhile.
        decision = "keep" if count is None else decide(entry.marks, count, self.policy, self.now)
        if decision == "seen":
            self.report.seen += 1
            if not self.dry_run:
                marks = {SEEN_AT: stamp(self.now)}
                await self.clients.update(entry.id, {"clientId": entry.client_id, "attributes": marks})
        elif decision != "keep" and len(self.report.removed) < self.policy.removals:
            await self._remove(entry)

    async def _remove(self, entry: _Entry) -> None:
        """Remove a client that is still removable: a link may have begun since the list was read."""
        client = await self.clients.find(entry.client_id)
        if client is None or client["id"] != entry.id:
            return
        count = (await self.clients.sessions([client])).get(entry.client_id)
        why = "keep" if count is None else decide(client, count, self.policy, self.now)
        if why not in {"unused", "dead"}:
            self.report.spared += 1
            return
        removal = Removal(entry.client_id, str(client.get("name") or ""), why)
        if not self.dry_run:
            await self.clients.delete(entry.id)
            logger.info("reaper: removed client %s (%s)", entry.client_id, why)
            if self.removed is not None:
                self.removed(removal)
        self.report.removed.append(removal)


def _batches(entries: Sequence[_Entry]) -> Iterator[Sequence[_Entry]]:
    return (entries[start : start + _AT_ONCE] for start in range(0, len(entries), _AT_ONCE))


def _warn(number: int, policy: ReapPolicy) -> None:
    if number >= _WARN_AT * policy.max_clients:
        logger.warning(
            "the realm has %d clients of at most %d; at the limit new clients are refused; next step: gatelodge clients"
            " list shows them; shorten GATELODGE_UNUSED_CLIENTS_AFTER, or raise max-clients and GATELODGE_MAX_CLIENTS",
            number,
            policy.max_clients,
        )


def _ours(client: Mapping[str, Any]) -> bool:
    return made_by(client) in {"dcr", "cimd"}


def _age(client: Mapping[str, Any], now: float) -> float:
    """Seconds since it was made; none without the mark, so that it is spared."""
    made_at = moment(client, MADE_AT)
    return 0.0 if made_at is None else now - made_at


def _unseen_for(client: Mapping[str, Any], now: float) -> float:
    """Seconds since sessions were seen; for a client that never had any, since it was made, and a day at least."""
    seen_at = moment(client, SEEN_AT)
    return max(_DAY, _age(client, now)) if seen_at is None else now - seen_at


def _removable(client: Mapping[str, Any], policy: ReapPolicy, now: float) -> Literal["unused", "dead"] | None:
    """Why a client without sessions may go."""
    seen_at = moment(client, SEEN_AT)
    if seen_at is None and made_by(client) == "dcr":
        return "unused" if policy.unused_after and _age(client, now) >= policy.unused_after else None
    last = now - seen_at if seen_at is not None else _age(client, now)
    return "dead" if policy.dead_after and last >= policy.dead_after else None

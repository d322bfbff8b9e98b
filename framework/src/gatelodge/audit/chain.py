"""The chain of digests: pure. A row's digest covers all of its columns and the digest of the row before it.

Invariant: a row that is changed, removed, inserted or moved makes some digest, number or link disagree. Whoever can write
the whole database can also write a whole new chain: only a head kept elsewhere (``Anchor``) tells.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from gatelodge.audit.event import Event

__all__ = ["Anchor", "Link", "Recorded", "digest", "link"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it was kept: ``seq`` counts from 1, ``at`` is in seconds since the epoch."""

    seq: int
    at: float
    event: Event


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a trail ended at some time; kept away from the database, it shows a trail that was cut off later."""

    seq: int
    digest: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` wrote.

        Raises: ValueError.
        """
        seq, _, digest = text.strip().partition(":")
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise ValueError("An anchor is a number, a colon and 64 hex digits.")
        return cls(int(seq), digest)


@dataclass(frozen=True, slots=True)
class Link:
    """One row, ready to be kept."""

    seq: int
    at: float
    previous: str
    digest: str
    event: Event
    subject: str

    def values(self) -> dict[str, Any]:
        """The columns of the row by name."""
        event = self.event
        return {
            "seq": self.seq,
            "at": self.at,
            "kind": event.kind,
            "actor": event.actor,
            "subject": self.subject,
            "outcome": event.outcome,
            "rule": event.rule,
            "request_id": event.request_id,
            "previous": self.previous,
            "digest": self.digest,
        }


def link(event: Event, previous: Anchor, at: float) -> Link:
    """The row that follows ``previous``."""
    subject = json.dumps(event.subject, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    at = float(at)  # as it comes back from a database
    unsealed = Link(previous.seq + 1, at, previous.digest, "", event, subject)
    return Link(unsealed.seq, at, previous.digest, digest(unsealed.values()), event, subject)


def digest(row: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of a row's columns, its own digest left out."""
    columns = [row[name] for name in _COVERED]
    # repr: a value of a type that never belonged there makes another digest, not an error.
    text = json.dumps(columns, ensure_ascii=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


_COVERED = ("previous", "seq", "at", "kind", "actor", "subject", "outcome", "rule", "request_id")

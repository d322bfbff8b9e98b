"""The chain of digests: pure. A row's digest covers all of its columns and the digest of the row before it.

Invariant: a row that is changed, removed, inserted or moved makes some digest, number or link disagree. Whoever can write
the whole database can also write a whole new chain: only a head kept elsewhere (``Anchor``) tells.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from gatelodge.audit.event import Event

__all__ = ["Anchor", "Recorded", "digest", "link"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it was kept: ``seq`` counts from 1, ``at`` is in seconds since the epoch."""

    seq: int
    at: float
    event: Event
    previous: str = field(default="", compare=False)
    digest: str = field(default="", compare=False)


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


_COVERED = ("previous", "seq", "at", "kind", "actor", "subject", "outcome", "rule", "request_id")
# Made once: each call of a tool makes a row.
_subject = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode
# repr: a value of a type that never belonged there makes another digest, not an error.
_columns = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=repr).encode


def link(event: Event, previous: Anchor, at: float) -> dict[str, Any]:
    """The row that follows ``previous``: its columns by name."""
    row = {
        "seq": previous.seq + 1,
        "at": float(at),  # as it comes back from a database
        "kind": event.kind,
        "actor": event.actor,
        "subject": _subject(event.subject),
        "outcome": event.outcome,
        "rule": event.rule,
        "request_id": event.request_id,
        "previous": previous.digest,
    }
    row["digest"] = digest(row)
    return row


def digest(row: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of a row's columns, its own digest left out."""
    return hashlib.sha256(_columns([row[name] for name in _COVERED]).encode()).hexdigest()

"""Answers of providers kept for a short time, each for one user and one credential.

Invariants: an entry is found only with the owner and the very token that it was fetched with, so a new link, an unlinked
account or another user never sees it; an answer that was asked for before a write ended is not kept after it. Kept in
this process's memory only: a write through another process shows here when the entry's time is over.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Answer
from gatelodge.vault.owner import Owner

__all__ = ["AnswerCache", "Key", "Slot", "lifetime"]

_DIRECTIVE = re.compile(r"([A-Za-z-]+)(?:=\"?([^\",]*)\"?)?")
_FORBIDS = frozenset({"no-store", "no-cache"})


@dataclass(frozen=True, slots=True)
class Key:
    """What an answer was an answer to: whose, with which token (by its digest), and the whole request."""

    owner: Owner
    credential: str
    request: tuple[str, ...]

    @classmethod
    def of(cls, owner: Owner, token: Secret, *request: str) -> "Key":
        """The key of a request with this token."""
        return cls(owner, hashlib.sha256(token.reveal().encode()).hexdigest(), request)


@dataclass
class Slot:
    """A place for the answer of one request in flight; spoiled by a write that ends meanwhile."""

    owner: Owner
    spoiled: bool = False


@dataclass
class _Entry:
    answer: Answer
    until: float
    size: int = field(init=False)

    def __post_init__(self) -> None:
        # Headers and key beside the body: a rough figure, so that empty answers are not free.
        self.size = len(self.answer.body) + 1024


class AnswerCache:
    """Answers by key, the least recently used one out first. ``max_bytes`` counts bodies and 1 KiB each."""

    def __init__(self, clock: Clock, *, max_entries: int = 2000, max_bytes: int = 32 << 20) -> None:
        self._clock = clock
        self._max_entries, self._max_bytes = max_entries, max_bytes
        self._entries = OrderedDict[Key, _Entry]()
        self._keys = dict[Owner, set[Key]]()
        self._open = dict[Owner, list[Slot]]()
        self._bytes = 0

    def get(self, key: Key) -> Answer | None:
        """The kept answer, while its time lasts."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock.monotonic() >= entry.until:
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return entry.answer

    @contextmanager
    def slot(self, owner: Owner) -> Iterator[Slot]:
        """A place for an answer that is about to be asked for."""
        slot = Slot(owner)
        self._open.setdefault(owner, []).append(slot)
        try:
            yield slot
        finally:
            left = [other for other in self._open.pop(owner) if other is not slot]
            if left:
                self._open[owner] = left

    def keep(self, slot: Slot, key: Key, answer: Answer, seconds: float) -> None:
        """Keep an answer, unless a write ended since it was asked for, or it is too large."""
        entry = _Entry(answer, self._clock.monotonic() + seconds)
        if slot.spoiled or seconds <= 0 or entry.size > self._max_bytes // 8:
            return
        self._remove(key)
        self._entries[key] = entry
        self._keys.setdefault(key.owner, set()).add(key)
        self._bytes += entry.size
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            self._remove(next(iter(self._entries)))

    def drop(self, owner: Owner) -> None:
        """Forget all answers of one owner and provider, those in flight included."""
        for slot in self._open.get(owner, ()):
            slot.spoiled = True
        for key in tuple(self._keys.get(owner, ())):
            self._remove(key)

    def __len__(self) -> int:
        return len(self._entries)

    def _remove(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._bytes -= entry.size
        keys = self._keys[key.owner]
        keys.discard(key)
        if not keys:
            del self._keys[key.owner]


def lifetime(headers: Mapping[str, str], ours: float) -> float:
    """Seconds to keep an answer: ours at most, less where Cache-Control says so (RFC 9111, section 5.2.2)."""
    if headers.get("vary", "").strip() == "*" or headers.get("pragma", "").strip().lower() == "no-cache":
        return 0.0
    found = {name.lower(): value for name, value in _DIRECTIVE.findall(headers.get("cache-control", ""))}
    if not _FORBIDS.isdisjoint(found):
        return 0.0
    if "max-age" not in found:
        return ours
    # A life or an age that cannot be read is taken as the end (RFC 9111, section 4.2.1).
    age = headers.get("age", "0")
    if not (_number(found["max-age"]) and _number(age)):
        return 0.0
    return max(0.0, min(ours, float(found["max-age"]) - float(age)))


def _number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 12

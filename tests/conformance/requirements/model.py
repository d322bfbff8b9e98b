"""What one requirement is: an id that never changes, who demands it and where, and how strongly.

Not here: the requirements themselves (one module per standard), the tests that show them (``citations``).
"""

import re
from dataclasses import dataclass
from enum import Enum

__all__ = ["Divergence", "Level", "Party", "Requirement", "Source"]

_ID = re.compile(r"[A-Z0-9]+(-[A-Za-z0-9.]+)+")


class Level(Enum):
    """How strongly the source asks (RFC 2119); RECOMMENDED counts as SHOULD."""

    MUST = "MUST"
    MUST_NOT = "MUST NOT"
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD NOT"


class Party(Enum):
    """The part of the product that has to meet it."""

    SERVER = "server"
    ISSUER = "issuer"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Source:
    """A standard: its short name, its title, and the URL to which a section is appended."""

    name: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Divergence:
    """A recorded gap: what is knowingly not met yet, and why."""

    note: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """One MUST or SHOULD. ``section`` is a section number of an RFC, or page and heading of the MCP specification.

    Raises: ValueError for an id or a text that is not of the agreed form.
    """

    id: str
    source: Source
    section: str
    anchor: str
    level: Level
    party: Party
    text: str
    gap: Divergence | None = None

    def __post_init__(self) -> None:
        if _ID.fullmatch(self.id) is None:
            raise ValueError(f"{self.id!r} is no requirement id")
        if not self.text.endswith(".") or "|" in self.text or "\n" in self.text:
            raise ValueError(f"{self.id}: the text is one sentence for one cell of a table")

    @property
    def url(self) -> str:
        """Where the source says it."""
        return self.source.url + self.anchor

"""One attack: the catalogue's row, a name, what is sent, and the one answer that is right.

Invariant: an attack is data. It holds neither a client nor a server, so the same input goes to a server in process and,
where no key of the issuer is needed, through the whole running stack.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__all__ = ["READ", "WRITE", "Attack", "Expect", "bearer", "tokens_of"]

READ, WRITE = "notes:read", "notes:write"


class Expect(Enum):
    """The answers of the catalogue, section 5; UNKNOWN is that of a component which does not exist."""

    OK = "200"
    E400 = "400 invalid_request"
    E401 = "401 invalid_token"
    E401N = "401 without error"
    E403 = "403 insufficient_scope"
    UNKNOWN = "answered as unknown"


@dataclass(frozen=True, slots=True)
class Attack:
    """What is sent beside a plain MCP request. ``server`` names the configuration that must withstand it.

    ``headers`` are raw and come first to last; ``query`` is the raw query string; ``body`` replaces the JSON-RPC message.
    """

    row: str
    name: str
    expect: Expect
    headers: tuple[tuple[bytes, bytes], ...] = ()
    query: str = ""
    method: str = "tools/list"
    params: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    server: str = "default"
    era: str = "2026-07-28"
    # Scopes that a 403 must name, all of them at once.
    scopes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Row and name, for reports."""
        return f"{self.row} {self.name}"


def bearer(token: str | bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The one header of an ordinary request."""
    raw = token if isinstance(token, bytes) else token.encode("utf-8")
    return ((b"authorization", b"Bearer " + raw),)


def tokens_of(
    row: str, tokens: Mapping[str, str | bytes], expect: Expect = Expect.E401, **others: Any
) -> Iterator[Attack]:
    """Attacks that differ in their token only, by name."""
    for name, token in tokens.items():
        yield Attack(row, name, expect, bearer(token), **others)

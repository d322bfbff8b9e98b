"""Who is calling: the one type that only a token check may make."""

from dataclasses import dataclass, field

__all__ = ["Principal"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller. Identity is the pair ``(issuer, subject)``; names are for display only.

    ``service``: a client that acts for itself, no person.
    """

    issuer: str
    subject: str
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    username: str | None = None
    client_id: str | None = None
    expires_at: float = field(default=0.0, compare=False)
    service: bool = False

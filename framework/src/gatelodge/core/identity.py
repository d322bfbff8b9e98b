"""Who is calling: the one type that only a token check may make."""

from dataclasses import dataclass, field

__all__ = ["Principal"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller. Identity is the pair ``(issuer, subject)``; names are for display only.

    ``service``: a client that acts for itself, no person. ``foreign``: of another issuer than the server's own, whose
    names may be anybody's. ``github_login``: the GitHub account that the server's own issuer signed the user in by.
    """

    issuer: str
    subject: str
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    username: str | None = None
    client_id: str | None = None
    expires_at: float = field(default=0.0, compare=False)
    service: bool = False
    github_login: str | None = None
    foreign: bool = False

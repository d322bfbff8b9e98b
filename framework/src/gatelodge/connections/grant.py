"""What a token endpoint gave (RFC 6749, section 5.1), in one form for all providers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gatelodge.core.secret import Secret

__all__ = ["Account", "Grant", "UnusableGrant", "scopes_of", "seconds", "text", "token"]


class UnusableGrant(ValueError):
    """A successful answer lacks what it must have; the text names the member, never a value."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Tokens of one answer; lives in seconds. ``scopes`` is None where the answer does not say.

    ``extra_secrets`` are further credentials by vault field, ``extra`` is public. ``expires_in`` is the first end of all
    access tokens.
    """

    access_token: Secret
    refresh_token: Secret | None = None
    expires_in: float | None = None
    scopes: frozenset[str] | None = None
    extra_secrets: Mapping[str, Secret] = field(default_factory=dict)
    account_id: str | None = None
    account_name: str | None = None
    absolute_expires_in: float | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    def secrets(self) -> dict[str, Secret]:
        """Every credential by its field in the vault."""
        found = {"access_token": self.access_token, **self.extra_secrets}
        return found if self.refresh_token is None else found | {"refresh_token": self.refresh_token}


@dataclass(frozen=True, slots=True)
class Account:
    """Whose account it is: a stable key, a name to show, and public details that calls need."""

    id: str
    name: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


def token(body: Mapping[str, object], member: str) -> Secret | None:
    """A credential of an answer; null, an empty text and a missing member are None. Raises: UnusableGrant."""
    value = body.get(member)
    if value is None or value == "":
        return None
    # What does not fit into a header cannot be a bearer token (RFC 6750, section 2.1).
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        raise UnusableGrant(f"{member} is no token")
    return Secret(value)


def seconds(body: Mapping[str, object], member: str) -> float | None:
    """A life in seconds, also where it comes as text; None when it is missing or makes no sense.

    No error: the answer may hold the only refresh token that still works, and a token without a known end is used until
    it is refused.
    """
    value = body.get(member)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e10:
        return None
    return float(value)


def scopes_of(body: Mapping[str, object], separators: str = " ,") -> frozenset[str] | None:
    """Granted scopes; None when the answer does not say."""
    value = body.get("scope")
    if not isinstance(value, str):
        return None
    for separator in separators:
        value = value.replace(separator, " ")
    return frozenset(value.split())


def text(value: object, *path: str) -> str | None:
    """A text deep in an answer; None when a step is missing. Numbers are taken as text: ids come as both."""
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    # What no database keeps (NUL, half of a surrogate pair) must not keep the tokens beside it from being stored.
    return str(value).replace("\0", "").encode(errors="replace").decode()[:500] or None

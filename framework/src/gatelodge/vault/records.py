"""What the store knows of a connection: the public part, which may be listed, and the opened one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gatelodge.core.secret import Secret
from gatelodge.vault.owner import Owner

__all__ = ["FIELDS", "SERVICE_FIELD", "Opened", "Record", "RefreshLease", "Status", "check_fields"]

# The secrets a connection may have; a service's own credential is an "api_token".
FIELDS = frozenset(
    {
        "access_token",
        "refresh_token",
        "previous_refresh_token",
        "user_access_token",
        "user_refresh_token",
        "api_token",
        "value",
    }
)
SERVICE_FIELD = "api_token"


class Status(StrEnum):
    """Whether a connection can be used; refreshing is no status but a lease on an active one."""

    ACTIVE = "active"
    NEEDS_REAUTH = "needs_reauth"


@dataclass(frozen=True)
class Record:
    """A connection without its secrets; times in seconds since the epoch. ``version`` grows with every new secret.

    ``refresh_until`` is set while somebody refreshes it; ``refresh_started_at`` stays when the provider may have acted on
    a refresh of which nothing was stored.
    """

    id: str
    owner: Owner
    status: Status
    reason: str | None = None
    account_id: str | None = None
    account_name: str | None = None
    scopes: frozenset[str] = frozenset()
    expires_at: float | None = None
    absolute_expires_at: float | None = None
    refresh_started_at: float | None = None
    refresh_until: float | None = None
    refreshed_at: float | None = None
    created_at: float = 0.0
    version: int = 1
    extra: Mapping[str, str] = field(default_factory=dict)
    quarantined_at: float | None = None
    quarantine_reason: str | None = None


@dataclass(frozen=True)
class Opened:
    """A connection with its secrets, by field."""

    record: Record
    secrets: Mapping[str, Secret]


@dataclass(frozen=True)
class RefreshLease:
    """The right to refresh one connection, once: lost when ``fence`` moved on.

    ``interrupted_at`` is when the first refresh began of which the provider may have acted and nothing was stored, else
    None; ``began`` and ``until`` are of the same clock (``refreshing``).
    """

    owner: Owner
    connection: str
    version: int
    fence: int
    holder: str
    until: float
    interrupted_at: float | None = None
    began: float = 0.0


def check_fields(secrets: Mapping[str, Secret]) -> None:
    """Raises: ValueError, when there is none or one that no connection has."""
    if not secrets or secrets.keys() - FIELDS:
        raise ValueError(f"the fields of a connection are one or more of {', '.join(sorted(FIELDS))}")

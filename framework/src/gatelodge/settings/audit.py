"""Settings of the audit trail: whether calls are recorded, and how long events are kept.

Not here: which database holds them (``audit_database``).
"""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatelodge.settings.load import SettingsInvalid

__all__ = ["AuditSettings", "extra_missing"]


class AuditSettings(BaseSettings):
    """A section of servers and the desk. ``auto`` is on for a server that has a database anyway (linked accounts)."""

    model_config = SettingsConfigDict(env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True)

    audit: Literal["auto", "on", "off"] = Field(
        default="auto",
        examples=["on"],
        description=(
            "Whether calls, refusals and registrations go into the [audit trail](../guides/audit.md). `auto`: where "
            "there is a database for linked accounts; `on` needs the extra `connections`."
        ),
    )
    audit_retention_days: int = Field(
        default=400,
        ge=0,
        le=36_500,
        examples=["400"],
        description="Days until an event is removed from the audit trail; 0: never.",
    )


def extra_missing(error: ModuleNotFoundError) -> SettingsInvalid:
    """What to say when a trail is asked for and its database cannot be loaded."""
    return SettingsInvalid(
        f"GATELODGE_AUDIT is on, and {error.name!r} is not installed",
        hint="pip install 'gatelodge[connections]', or set GATELODGE_AUDIT=off.",
    )

"""Names that environments and compose files have for credentials, and whose they are here."""

import re
from collections.abc import Mapping

from gatelodge.vault.owner import Owner, service

__all__ = ["KNOWN", "named", "owner_of", "variables_of"]

# Variable to provider; the first of a provider is the one that messages name.
KNOWN: Mapping[str, str] = {
    "CODA_API_TOKEN": "coda",
    "GITHUB_TOKEN": "github",
    "GH_TOKEN": "github",
    "SLACK_BOT_TOKEN": "slack",
    "SLACK_TOKEN": "slack",
    "NOTION_TOKEN": "notion",
    "NOTION_API_KEY": "notion",
    "JIRA_API_TOKEN": "jira",
}
_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


def owner_of(variable: str) -> Owner | None:
    """The owner of a variable's value, or None when it is no known credential."""
    provider = KNOWN.get(variable)
    return None if provider is None else service(provider)


def variables_of(provider: str) -> tuple[str, ...]:
    """The variables that may hold a service's credential; for a provider not known here, ``<PROVIDER>_TOKEN``."""
    known = tuple(name for name, found in KNOWN.items() if found == provider)
    return known or (re.sub(r"[^A-Z0-9]", "_", provider.upper()) + "_TOKEN",)


def named(provider: str) -> str:
    """A provider's name as it may be stored. Raises: ValueError."""
    if not _PROVIDER.fullmatch(provider):
        raise ValueError(f"{provider!r} is no name: a-z, 0-9, dot, dash, underscore, at most 64")
    return provider

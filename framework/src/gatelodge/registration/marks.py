"""What the desk writes beside a client in Keycloak: who made it, when, and what was seen of it since.

Kept as attributes of the client, so that they live and end with it. Invariant: a client without ``MADE_BY`` was made by
a person, or by a release that did not mark yet; the desk changes no such client.
"""

from collections.abc import Mapping
from typing import Any, Literal

__all__ = [
    "DISABLED_AT",
    "FINGERPRINT",
    "MADE_AT",
    "MADE_BY",
    "SEEN_AT",
    "WITHDRAWN_AT",
    "Maker",
    "made_by",
    "mark",
    "moment",
    "stamp",
]

Maker = Literal["cimd", "dcr", "predefined"]

MADE_BY = "gatelodge.made-by"
# Seconds since the epoch, as text.
MADE_AT = "gatelodge.made-at"
SEEN_AT = "gatelodge.seen-at"
WITHDRAWN_AT = "gatelodge.withdrawn-at"
DISABLED_AT = "gatelodge.disabled-at"
# Of what a client was made from: equal means there is nothing to change.
FINGERPRINT = "gatelodge.fingerprint"

_MAKERS: Mapping[str, Maker] = {"cimd": "cimd", "dcr": "dcr", "predefined": "predefined"}


def mark(client: Mapping[str, Any], name: str) -> str | None:
    """An attribute of a client representation; None when it is missing or empty."""
    value = (client.get("attributes") or {}).get(name)
    return value if isinstance(value, str) and value else None


def made_by(client: Mapping[str, Any]) -> Maker | None:
    """What made the client; None when it was a person."""
    return _MAKERS.get(mark(client, MADE_BY) or "")


def moment(client: Mapping[str, Any], name: str) -> float | None:
    """A moment kept as an attribute, in seconds since the epoch; None when there is none or it is no number."""
    text = mark(client, name) or ""
    return float(text) if text.isdecimal() else None


def stamp(now: float) -> str:
    """A moment as it is kept."""
    return str(int(now))

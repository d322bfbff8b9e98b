"""What an apply remembers in the realm: which things it made, from which fields, and what clients were given.

Three attributes of the realm, so that they live and end with it. A release without them left a stamp and marks only; its
realm is read as one in which nothing but the marked client scopes was made here.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["GIVEN", "MADE", "MEMORY", "STAMP", "UNFINISHED", "Memory", "digest", "fingerprint"]

# Fingerprint of what was rendered: tells whether anything has to be done.
STAMP = "gatelodge.rendered"
# What was made, as JSON: key of a thing to the digest of its fields.
MADE = "gatelodge.made"
# Client scopes that registered clients have been given, as JSON: name to default or optional.
GIVEN = "gatelodge.given"
MEMORY = frozenset({STAMP, MADE, GIVEN})
# No fingerprint: what a cut-off apply leaves behind matches no rendering.
UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Memory:
    """``made`` and ``given`` are None in a realm of a release that did not write them."""

    stamp: str | None = None
    made: Mapping[str, str] | None = None
    given: Mapping[str, str] | None = None

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> "Memory":
        """From a realm's attributes; what is no JSON object counts as missing."""
        return cls(attributes.get(STAMP), _object(attributes.get(MADE)), _object(attributes.get(GIVEN)))

    def attributes(self) -> dict[str, str]:
        """As realm attributes."""
        parts = {MADE: self.made, GIVEN: self.given}
        written = {key: json.dumps(value, sort_keys=True) for key, value in parts.items() if value is not None}
        return written if self.stamp is None else {STAMP: self.stamp, **written}


def digest(fields: Mapping[str, Any]) -> str:
    """A short digest of fields that can be compared."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:12]


def fingerprint(realm: Mapping[str, Any]) -> str:
    """SHA-256 of a realm without its users and without what is remembered in it, in hex."""
    attributes = {key: value for key, value in realm.get("attributes", {}).items() if key not in MEMORY}
    content = {key: value for key, value in realm.items() if key != "users"} | {"attributes": attributes}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _object(text: Any) -> Mapping[str, str] | None:
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return None
    return found if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()) else None

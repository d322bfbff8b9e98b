"""A client as its document describes it, checked.

Invariant: only ``read`` makes one; every member has passed the rules there.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["ClientDocument", "Held", "Method", "Source"]

Method = Literal["none", "private_key_jwt"]
Source = Literal["fetched", "cached", "stale", "known"]


@dataclass(frozen=True, slots=True)
class ClientDocument:
    """``client_id`` is the document's URL; ``signing_alg`` and the keys are None unless ``method`` needs them."""

    client_id: str
    host: str
    name: str
    redirect_uris: tuple[str, ...]
    method: Method
    signing_alg: str | None
    jwks_uri: str | None
    jwks: Mapping[str, Any] | None
    grant_types: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all that matters: equal for documents that describe the same client."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Held:
    """A document, where it came from, and whether it differs from the copy held before (False when none was)."""

    document: ClientDocument
    source: Source
    changed: bool

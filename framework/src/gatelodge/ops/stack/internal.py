"""What a running stack wrote for its operator: internal addresses and the realm's administrator (mode 0600)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gatelodge.core.secret import Secret
from gatelodge.ops.stack.layout import Layout

__all__ = ["Administrator", "Internal", "read_internal"]


@dataclass(frozen=True, slots=True)
class Administrator:
    """The way into Keycloak: its internal address and an account of its ``master`` realm."""

    url: str
    username: str
    password: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class Internal:
    """``urls`` by name (``keycloak_url``, ``desk_url``, ...); ``documents``: where the desk reads the verifier's."""

    urls: Mapping[str, str]
    administrator: Administrator
    documents: Mapping[str, Any] | None


def read_internal(layout: Layout) -> Internal | None:
    """The inside of the stack in this state folder; None when none was up or the file is not usable."""
    try:
        known = json.loads(layout.internal.read_text(encoding="utf-8"))
        urls = {name: value for name, value in known.items() if name.endswith("_url")}
        account = known["admin"]
        administrator = Administrator(urls["keycloak_url"], account["username"], Secret(account["password"]))
        return Internal(urls, administrator, known.get("documents"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None

"""What a registration asked for, as text for one log line.

Invariant: whatever was sent, the text is short, printable and on one line, and holds no path, query or user name of a
redirect URI.
"""

import json
from typing import Any
from urllib.parse import urlsplit

from gatelodge.registration.body import display_name

__all__ = ["summary"]

MAX_TARGETS = 5


def summary(raw: bytes) -> str:
    """``client_name=... redirects=...`` of a body that need not be acceptable, nor even JSON."""
    try:
        sent = json.loads(raw)
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, dict):
        return f"unreadable body of {len(raw)} bytes"
    uris = sent.get("redirect_uris")
    targets = list(dict.fromkeys(map(_target, uris))) if isinstance(uris, list) else []
    if len(targets) > MAX_TARGETS:
        targets[MAX_TARGETS:] = [f"and {len(targets) - MAX_TARGETS} more"]
    return f"client_name={display_name(sent.get('client_name'))!r} redirects={','.join(targets) or 'none'}"


def _target(uri: Any) -> str:
    """Scheme and host of a redirect URI."""
    if not isinstance(uri, str):
        return "unreadable"
    try:
        parts = urlsplit(uri)
        target = f"{parts.scheme}://{parts.hostname or ''}"
    except ValueError:
        target = "unreadable"
    return display_name(target)

"""The routing headers of MCP 2026-07-28 against the body (transport: standard and server-side validation of headers).

Whoever stands in front of us may have decided by ``Mcp-Method`` and ``Mcp-Name``; the body is what runs. So they must
agree, and a request of an older revision is known by its body alone: headers of that name mean nothing there. Which
revision it is, header and body must say alike, whatever the header says.

Not here: the other checks on a modern request, which FastMCP makes in the same words.
"""

import base64
import re
from collections.abc import Iterable

from gatelodge.app.message import Operation

__all__ = ["disagreement", "is_modern", "mismatch"]

# Revisions of the initialize handshake. FastMCP takes every other value, known or not, for the stateless era.
HANDSHAKE = frozenset({"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"})

_VERSION, _METHOD, _NAME = b"mcp-protocol-version", b"mcp-method", b"mcp-name"
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_SENTINEL = re.compile(r"=\?base64\?(.*)\?=")

Headers = Iterable[tuple[bytes, bytes]]


def is_modern(headers: Headers) -> bool:
    """Whether FastMCP will read the request as one of the stateless era; the first version header counts."""
    version = _version(headers)
    return version is not None and version not in HANDSHAKE


def disagreement(headers: Headers, operation: Operation) -> str | None:
    """What headers and body say differently; None when they agree, or when the headers mean nothing in this era."""
    version = _version(headers)
    if isinstance(operation.revision, str) and version is not None and version != operation.revision:
        # Also where the header names an older revision: the SDK would serve the request as one of that.
        return "mcp-protocol-version header does not match the request body's protocol version"
    return mismatch(headers, operation) if operation.enveloped and is_modern(headers) else None


def _version(headers: Headers) -> str | None:
    found = next((value for name, value in headers if name == _VERSION), None)
    return None if found is None else found.decode("latin-1")


def mismatch(headers: Headers, operation: Operation) -> str | None:
    """What does not agree in a modern request, in words without anything the client sent; None when it does."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in {_VERSION, _METHOD, _NAME}:
            if name in found:
                return f"{name.decode()} header appears more than once"
            found[name] = value
    if found.get(_METHOD, b"").decode("latin-1") != operation.method:
        return "mcp-method header does not match the request body's method"
    parameter = _NAMED.get(operation.method)
    if parameter is not None and operation.target is not None and _decoded(found.get(_NAME)) != operation.target:
        return f"mcp-name header does not match the request body's {parameter!r} parameter"
    return None


def _decoded(header: bytes | None) -> str | None:
    """The header's value, out of its base64 form where it has one; None when that form is not canonical."""
    if header is None:
        return None
    value = header.decode("latin-1")
    wrapped = _SENTINEL.fullmatch(value)
    if wrapped is None:
        return value
    try:
        raw = base64.b64decode(wrapped[1], validate=True)
        # Two spellings of one value are two values to a proxy that compares text.
        return raw.decode() if base64.b64encode(raw).decode() == wrapped[1] else None
    except ValueError:
        return None

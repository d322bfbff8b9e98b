"""Tokens that no server may accept, made from a real one or from nothing (RFC 7515, RFC 8725).

Invariant: nothing here holds a key: what is changed has a signature that cannot be right.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["changed_claims", "changed_signature", "from_elsewhere", "unsigned"]


def _part(value: Mapping[str, Any] | bytes) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _read(part: str) -> dict[str, Any]:
    value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return value if isinstance(value, dict) else {}


def changed_signature(token: str) -> str:
    """The token with another signature; an opaque token with other characters."""
    head, dot, signature = token.rpartition(".")
    if not dot:
        return token[::-1]
    middle = len(signature) // 2
    return (
        f"{head}.{signature[:middle]}{'A' if signature[middle : middle + 1] != 'A' else 'B'}{signature[middle + 1 :]}"
    )


def changed_claims(token: str, **claims: Any) -> str:
    """A JWT with other claims under the old signature; None for an opaque token's lack of claims is the same token."""
    parts = token.split(".")
    if len(parts) != 3:
        return changed_signature(token)
    return ".".join([parts[0], _part({**_read(parts[1]), **claims}), parts[2]])


def unsigned(token: str) -> str:
    """The claims of a JWT with ``alg`` none and no signature."""
    parts = token.split(".")
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{parts[1]}." if len(parts) == 3 else changed_signature(token)


def from_elsewhere(audience: str) -> str:
    """A token of an issuer that nobody knows, made out to this server."""
    claims = {"iss": "https://elsewhere.example", "aud": audience, "sub": "stranger", "exp": 4102444800, "iat": 1}
    return f"{_part({'alg': 'RS256', 'kid': 'unknown', 'typ': 'JWT'})}.{_part(claims)}.{_part(bytes(256))}"

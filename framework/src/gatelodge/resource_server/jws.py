"""The compact form of a signed token, split and its header judged before any key is looked at (RFC 7515, 7.1).

Invariant: a header may say which algorithm, key and type, and nothing else. Members that bring or fetch keys, critical
extensions and nesting are refused, never followed (RFC 8725, sections 3.1 to 3.11). The payload stays encoded.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from gatelodge.resource_server.bearer import MAX_TOKEN_BYTES
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.resource_server.strict_json import parse_object

__all__ = ["ACCESS_TOKEN_TYPE", "TOKEN_TYPES", "SignedToken", "decode_object", "parse_compact"]

ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type (RFC 9068, section 2.1)
# Of two tokens with the type jwt only the claims tell which is the access token (``claims``).
TOKEN_TYPES = (ACCESS_TOKEN_TYPE, "jwt")
_SPELLINGS = {name: name for name in TOKEN_TYPES} | {f"application/{ACCESS_TOKEN_TYPE}": ACCESS_TOKEN_TYPE}
_HEADER_MEMBERS = frozenset({"alg", "kid", "typ"})
# A JWS may have an empty payload (RFC 7515, section 3); that it holds no claims is found when it is read.
_COMPACT = re.compile(r"([A-Za-z0-9_-]{1,1024})\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)")
# The last character of a part that is no multiple of four carries unused bits; all but zero would be a second
# spelling of the same bytes (RFC 4648, section 3.5).
_LAST = {2: "AQgw", 3: "AEIMQUYcgkosw048"}


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token whose header is acceptable and whose signature nobody has checked yet."""

    algorithm: str
    kid: str
    type: str
    signing_input: bytes
    payload: str
    signature: bytes


def parse_compact(token: str, algorithms: Collection[str], types: Collection[str] = TOKEN_TYPES) -> SignedToken:
    """Split ``token`` and check its header against the allowed ``algorithms`` and ``types``. Raises: TokenRejected."""
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenRejected(Reason.TOO_LARGE, "more than 16 KiB")
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise TokenRejected(Reason.MALFORMED, "not three parts of base64url")
    header = decode_object(parts[1])
    if not header.keys() <= _HEADER_MEMBERS:
        raise TokenRejected(Reason.HEADER, "a header member other than alg, kid and typ")
    return SignedToken(
        algorithm=_algorithm(header, algorithms),
        kid=_kid(header),
        type=_allowed(_type(header), types),
        signing_input=token[: parts.end(2)].encode("ascii"),
        payload=parts[2],
        signature=_decode(parts[3]),
    )


def decode_object(part: str) -> dict[str, Any]:
    """The JSON object in one part of the token. Raises: TokenRejected."""
    try:
        return parse_object(_decode(part))
    except ValueError as error:
        raise TokenRejected(Reason.MALFORMED, "a part is not one strict JSON object") from error


def _decode(part: str) -> bytes:
    rest = len(part) % 4
    if rest and part[-1] not in _LAST.get(rest, ""):
        raise TokenRejected(Reason.MALFORMED, "a part is not canonical base64url")
    return urlsafe_b64decode(part + "=" * (-rest % 4))


def _algorithm(header: dict[str, Any], algorithms: Collection[str]) -> str:
    name = header.get("alg")
    if not isinstance(name, str) or name not in algorithms:
        raise TokenRejected(Reason.ALGORITHM, f"alg is not one of {', '.join(algorithms)}")
    return name


def _kid(header: dict[str, Any]) -> str:
    kid = header.get("kid")
    # Required also when there is one key only: a guessed key is a key that a stranger chose.
    if not isinstance(kid, str) or not kid or not kid.isascii() or not kid.isprintable():
        raise TokenRejected(Reason.HEADER, "kid is missing or not printable ASCII")
    return kid


def _type(header: dict[str, Any]) -> str:
    name = header.get("typ")
    kind = _SPELLINGS.get(name.lower()) if isinstance(name, str) else None
    if kind is None:
        raise TokenRejected(Reason.TYPE, "header typ is neither JWT nor at+jwt")
    return kind


def _allowed(kind: str, types: Collection[str]) -> str:
    if kind not in types:
        raise TokenRejected(Reason.TYPE, f"header typ is not {' or '.join(types)}")
    return kind

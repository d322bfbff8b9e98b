"""Read the access token out of a request (RFC 6750, section 2.1; RFC 9110, section 11.6.2).

Exactly one ``Authorization`` header counts. Two of them, a joined one or a token in the query are refused, not
chosen from: proxy and server could choose differently. Bodies, cookies and other headers are never looked at.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["MAX_TOKEN_BYTES", "CredentialsMalformed", "bearer_token"]

MAX_TOKEN_BYTES = 16_384
_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
# "Bearer" as a whole scheme name, first or after a comma: what looks like an attempt to send a token.
_ATTEMPT = re.compile(rb"(?:^|,)[ \t]*bearer(?![A-Za-z0-9!#$%&'*+.^_`|~-])", re.IGNORECASE)


class CredentialsMalformed(GatelodgeError):
    """The request carries credentials in a form that has no single meaning (RFC 6750, section 3.1: 400)."""

    code = Code.CREDENTIALS_MALFORMED


def bearer_token(headers: Iterable[tuple[bytes, bytes]], query: bytes) -> str | None:
    """The token of the one ``Authorization: Bearer`` header; None without usable credentials, as for other schemes.

    ``headers`` and ``query`` are ASGI's: names in lower case, values raw. Raises: CredentialsMalformed.
    """
    values = [value for name, value in headers if name == b"authorization"]
    if query and _has_token(query):
        raise CredentialsMalformed("access_token in the query string")
    if not values:
        return None
    if len(values) > 1:
        raise CredentialsMalformed("more than one Authorization header")
    return _token_of(values[0].strip(b" \t"))


def _token_of(value: bytes) -> str | None:
    if len(value) > MAX_TOKEN_BYTES:
        raise CredentialsMalformed("Authorization header of more than 16 KiB")
    if found := _BEARER.fullmatch(value):
        return found[1].decode("ascii")
    if not value or _ATTEMPT.search(value):
        raise CredentialsMalformed("Authorization header that is not 'Bearer <token>'")
    return None


def _has_token(query: bytes) -> bool:
    # Names only, decoded: %61ccess_token is the same parameter to whoever reads the query later.
    names = (pair.partition(b"=")[0] for pair in query.split(b"&"))
    return any(unquote_to_bytes(name) == b"access_token" for name in names)

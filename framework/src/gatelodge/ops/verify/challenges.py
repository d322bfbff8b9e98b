"""The challenge of a 401 or 403, read as a client reads it (RFC 9110, section 11.6.1; RFC 6750, section 3)."""

import re
from collections.abc import Mapping

__all__ = ["bearer_challenge"]

_PARAMETER = re.compile(r'([\w!#$%&\'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,\s*|$)')
_BEARER = re.compile(r"(?:^|,\s*)bearer(?:\s+|$)", re.IGNORECASE)


def bearer_challenge(header: str | None) -> Mapping[str, str] | None:
    """The parameters of the Bearer challenge, names in lower case; None without one that can be parsed."""
    begun = _BEARER.search(header or "")
    if header is None or begun is None:
        return None
    found: dict[str, str] = {}
    at = begun.end()
    while at < len(header):
        parameter = _PARAMETER.match(header, at)
        if parameter is None:
            # Another scheme begins here, or the rest is broken.
            return found if re.match(r"[\w-]+(\s|$)", header[at:]) and found else None
        value = parameter[2] if parameter[2] is not None else parameter[3]
        found[parameter[1].lower()] = re.sub(r"\\(.)", r"\1", value)
        at = parameter.end()
    return found

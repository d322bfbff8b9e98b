"""Redirect URIs: where an authorization code may be sent (RFC 7591, section 2; RFC 8252, section 7.3).

Invariant: a URI that passes has one reading in every parser. It is matched as a whole against a narrow grammar, so user
names, fragments, wildcards, backslashes and non-ASCII characters never reach Keycloak, which accepts some of them.
"""

import re
from collections.abc import Sequence

from gatelodge.core.urls import is_loopback
from gatelodge.registration.errors import InvalidRedirectUri

__all__ = ["any_port", "check_redirects", "without_loopback_ports"]

MAX_REDIRECTS = 20
# Keycloak's column; a longer one is an internal error there.
MAX_LENGTH = 255

# RFC 3986 without "*": Keycloak would take a trailing one for a wildcard.
_CHARACTERS = r"(?:[A-Za-z0-9._~!$&'()+,;=:@/-]|%[0-9A-Fa-f]{2})"
_URI = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::(?P<port>[0-9]{1,5}))?"
    rf"(?P<rest>(?:/{_CHARACTERS}*)?(?:\?(?:{_CHARACTERS}|\?)*)?)"
)


def check_redirects(uris: Sequence[object], allowed_hosts: frozenset[str]) -> None:
    """Accept https on an allowed host, http and https with any port on an allowed loopback host.

    Raises: InvalidRedirectUri, naming the position of the first URI that is not acceptable, and what would be.
    """
    if not uris:
        raise InvalidRedirectUri("redirect_uris is missing or empty: at least one is needed.")
    if len(uris) > MAX_REDIRECTS:
        raise InvalidRedirectUri(f"redirect_uris has more than {MAX_REDIRECTS} entries.")
    for position, uri in enumerate(uris):
        fault = _fault(uri, allowed_hosts)
        if fault is not None:
            where = f"redirect_uris[{position}] {fault}"
            raise InvalidRedirectUri(f"{where}. {_allowed(allowed_hosts)}", detail=where)


def any_port(uris: Sequence[str]) -> list[str]:
    """The same URIs, and each http loopback one without its port as well.

    A client takes whatever port is free when it needs one, and the server must allow any (RFC 8252, section 7.3).
    Keycloak does so only for a registered URI that has no port.
    """
    return list(dict.fromkeys((*uris, *without_loopback_ports(uris))))


def without_loopback_ports(uris: Sequence[str]) -> list[str]:
    """The URIs as Keycloak matches those of ``any_port``: http loopback ones without their ports, each once."""
    return list(dict.fromkeys(map(_portless, uris)))


def _portless(uri: str) -> str:
    match = _URI.fullmatch(uri)
    if match and match["scheme"] == "http" and match["port"] and is_loopback(match["host"]):
        return f"http://{match['host']}{match['rest']}"
    return uri


def _fault(uri: object, allowed_hosts: frozenset[str]) -> str | None:
    """What is wrong with one URI, without repeating it; None when nothing is."""
    if not isinstance(uri, str):
        return "is no string"
    if len(uri) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    match = _URI.fullmatch(uri)
    if match is None:
        return "is no plain http(s) URL (custom schemes, user names, fragments and wildcards are refused)"
    if match["host"] not in allowed_hosts:
        return "is on a host that is not allowed here"
    return _loopback_fault(match) if is_loopback(match["host"]) else _remote_fault(match)


def _loopback_fault(match: re.Match[str]) -> str | None:
    return None if match["port"] is None or 0 < int(match["port"]) < 65536 else "has an impossible port"


def _remote_fault(match: re.Match[str]) -> str | None:
    if match["scheme"] != "https":
        return "must be https"
    # The host is trusted as a web site; what else listens on that machine is not known.
    return None if match["port"] is None else "must not name a port"


def _allowed(hosts: frozenset[str]) -> str:
    loopback = sorted(filter(is_loopback, hosts))
    kinds = {
        "https without a port on": sorted(hosts.difference(loopback)),
        "http or https with any port on": loopback,
    }
    return "Allowed: " + "; ".join(f"{kind} {', '.join(names)}" for kind, names in kinds.items() if names) + "."

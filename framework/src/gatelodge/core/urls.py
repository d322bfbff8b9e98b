"""URL forms that OAuth compares byte by byte (RFC 3986, RFC 8414 section 3, RFC 9728 section 3).

Nothing is normalised here: a URL that would need it is refused where it is configured.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

__all__ = ["host_of", "is_loopback", "origin_of", "path_of", "service_parts", "well_known"]

_AUTHORITY = re.compile(rb"(\[[0-9a-f:.]+\]|[a-z0-9.-]*[a-z0-9])(?::[0-9]{1,5})?", re.IGNORECASE)


def host_of(authority: bytes) -> str | None:
    """The host in a Host header or an origin, in lower case, without port; None if it is not of that form."""
    found = _AUTHORITY.fullmatch(authority)
    return None if found is None else found[1].decode("ascii").lower()


def origin_of(url: str) -> str:
    """``scheme://host[:port]`` of an absolute URL, as written."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def path_of(url: str) -> str:
    """The path of an absolute URL, without a trailing slash; empty for the root."""
    return urlsplit(url).path.rstrip("/")


def well_known(url: str, suffix: str) -> str:
    """The path-inserted well-known URL: the suffix goes between host and path (RFC 8414, section 3.1)."""
    return f"{origin_of(url)}/.well-known/{suffix}{path_of(url)}"


def is_loopback(host: str) -> bool:
    """Whether a host name or literal address (brackets allowed) means this machine (RFC 8252, section 7.3)."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def service_parts(url: str) -> SplitResult | None:
    """The parts of a database's or Redis's URL; None where they cannot be told apart."""
    try:
        parts = urlsplit(url)
        # An @ behind the host is the end of a password that began a path or a query too early.
        whole = parts.port != 0 and not parts.fragment and "@" not in parts.path + parts.query
    except ValueError:
        return None
    return parts if whole else None

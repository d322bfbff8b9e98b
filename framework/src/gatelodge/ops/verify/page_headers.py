"""What the headers of a page that holds people's accounts must say. Pure; for ``verify`` and ``doctor``."""

from collections.abc import Mapping

__all__ = ["page_faults"]

_NONE = "'none'"
_YEAR = 31_536_000


def page_faults(headers: Mapping[str, str], *, https: bool) -> list[str]:
    """What is missing or too wide, a line each; header names in lower case or case-insensitive."""
    policy = _directives(headers.get("content-security-policy", ""))
    faults = [
        f"Content-Security-Policy: {name} is {' '.join(policy.get(name, ())) or '(absent)'}, not {_NONE}"
        for name in ("default-src", "base-uri", "frame-ancestors")
        if policy.get(name) != [_NONE]
    ]
    if "script-src" in policy and policy["script-src"] != [_NONE]:
        faults.append("Content-Security-Policy: scripts are allowed")
    if headers.get("x-content-type-options", "").lower() != "nosniff":
        faults.append("X-Content-Type-Options is not nosniff")
    if "no-store" not in headers.get("cache-control", "").lower():
        faults.append("Cache-Control is not no-store")
    if headers.get("referrer-policy", "") not in {"no-referrer", "same-origin"}:
        faults.append("Referrer-Policy is neither no-referrer nor same-origin")
    if https and _life(headers.get("strict-transport-security", "")) < _YEAR:
        faults.append("Strict-Transport-Security is missing or shorter than a year")
    return faults


def _directives(policy: str) -> dict[str, list[str]]:
    parts = [part.split() for part in policy.split(";") if part.strip()]
    found: dict[str, list[str]] = {}
    for name, *values in parts:
        # The first one counts (CSP level 3, section 2.2.1).
        found.setdefault(name.lower(), values)
    return found


def _life(header: str) -> int:
    """Seconds of ``max-age``; 0 when there is none."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name.lower() == "max-age" and value.strip('"').isdecimal():
            return int(value.strip('"'))
    return 0

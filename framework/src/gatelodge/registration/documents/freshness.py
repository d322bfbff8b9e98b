"""How long an answer may be used without asking again (RFC 9111, sections 4.2 and 5.2).

Invariant: whatever the headers say, the result is within the two bounds.
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

__all__ = ["lifetime"]

_SECONDS = re.compile(r'(?:^|,)\s*max-age\s*=\s*"?([0-9]{1,12})"?\s*(?=,|$)', re.IGNORECASE)
_NOT_KEPT = re.compile(r"(?:^|,)\s*(?:no-store|no-cache)\s*(?=,|=|$)", re.IGNORECASE)


def lifetime(headers: Mapping[str, str], now: float, *, least: float, most: float) -> float:
    """Seconds of freshness from ``now`` (wall time) after the headers, names in lower case."""
    return max(least, min(most, _asked(headers, now)))


def _asked(headers: Mapping[str, str], now: float) -> float:
    control = headers.get("cache-control", "")
    if _NOT_KEPT.search(control):
        return 0.0
    seconds = _SECONDS.search(control)
    if seconds:
        return float(seconds[1]) - _age(headers)
    expires = _date(headers.get("expires"))
    if expires is None:
        return 0.0
    return expires - (_date(headers.get("date")) or now) - _age(headers)


def _age(headers: Mapping[str, str]) -> float:
    text = headers.get("age", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0.0


def _date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None

"""Values of claims that several kinds of token have, read in one way (RFC 7519, sections 2 and 4.1).

Invariant: a value of the wrong type refuses the token; it never counts as absent.
"""

from collections.abc import Collection
from typing import Any

from gatelodge.resource_server.errors import Reason, TokenRejected

__all__ = ["audiences", "check_spelling", "instant"]

_LAST_INSTANT = 253_402_300_799  # the end of the year 9999: beyond it arithmetic with a float can overflow


def audiences(value: object) -> frozenset[str]:
    """The audiences that ``aud`` names, as one text or a list of texts; none of anything else."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        return frozenset()
    return frozenset(listed)


def check_spelling(claims: dict[str, Any], read: Collection[str]) -> None:
    """Refuse look-alikes of the claims that are ``read``. Raises: TokenRejected."""
    # "Aud" beside "aud" is two audiences to a reader that folds case or cuts at NUL.
    for name in claims:
        if name not in read and name.casefold().strip("\0 ") in read:
            raise TokenRejected(Reason.CLAIM, "a look-alike of a claim that is read here")


def instant(claims: dict[str, Any], name: str) -> float:
    """A time in seconds since the epoch. Raises: TokenRejected."""
    value = claims.get(name)
    # bool is an int to Python, but true is no NumericDate (RFC 7519, section 2).
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_INSTANT:
        raise TokenRejected(Reason.CLAIM, f"{name} is missing or no time in seconds")
    return value

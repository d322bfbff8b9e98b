"""Too much: one caller's limit (429), or this process's own capacity (503).

RFC 6585, section 4 (429); RFC 9110, section 10.2.3 (Retry-After); draft-ietf-httpapi-ratelimit-headers-10
(``RateLimit-Policy``: quota ``q`` and window ``w`` in seconds; ``RateLimit``: remaining ``r``, seconds to the next one ``t``).
"""

import math
from collections.abc import Mapping
from typing import ClassVar

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.ratelimit.rate import Rate

__all__ = ["LimitReached", "Overloaded", "limit_headers"]


def limit_headers(name: str, rate: Rate | None, wait: float) -> Mapping[str, str]:
    """When one more is possible, in ``wait`` seconds; a limit on what runs at once has no rate to tell."""
    seconds = max(1, math.ceil(wait))
    headers = {"retry-after": str(seconds)}
    if rate is not None:
        headers["ratelimit-policy"] = f'"{name}";q={rate.amount};w={rate.seconds}'
        headers["ratelimit"] = f'"{name}";r=0;t={seconds}'
    return headers


class LimitReached(GatelodgeError):
    """``name`` is the limit's, ``headers`` what the answer says besides its body."""

    code = Code.LIMIT_REACHED

    def __init__(
        self, name: str, detail: str, *, wait: float, rate: Rate | None = None, hint: str | None = None
    ) -> None:
        super().__init__(detail, hint=hint)
        self.name = name
        self.headers = limit_headers(name, rate, wait)


class Overloaded(GatelodgeError):
    """This process has as much in work as it can do; another moment, or another replica, can do it."""

    code = Code.OVERLOADED
    headers: ClassVar[Mapping[str, str]] = {"retry-after": "1"}

"""What a server limits; plain values, as the settings give them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gatelodge.ratelimit.rate import Rate

__all__ = ["LimitsConfig"]


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """Rates (None: no limit), how much at once (0: no limit), and the proxies that are believed about addresses.

    ``tools`` take the place of ``calls`` for the tools they name. ``requests`` is this process's capacity, ``waiting``
    how many more may wait for it.
    """

    calls: Rate | None = None
    tools: Mapping[str, Rate | None] = field(default_factory=dict)
    anonymous_calls: Rate | None = None
    token_failures: Rate | None = None
    links: Rate | None = None
    links_by_address: Rate | None = None
    calls_at_once: int = 0
    streams: int = 0
    all_streams: int = 0
    requests: int = 0
    waiting: int = 0
    trusted_proxies: frozenset[str] = frozenset()

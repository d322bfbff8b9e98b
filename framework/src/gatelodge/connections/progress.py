"""How far one refresh of a link has come, for providers whose links have more than one pair of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gatelodge.connections.grant import Grant
from gatelodge.vault.records import Opened

__all__ = ["Pair", "Progress"]

# Access token and refresh token, by their fields in the vault.
Pair = tuple[str, str]


@dataclass
class Progress:
    """The pairs of one link that were renewed in this run, and the first end of their access tokens."""

    done: set[Pair] = field(default_factory=set)
    ends: list[float] = field(default_factory=list)

    def expiry(self, opened: Opened, grant: Grant, pair: Pair, pairs: Sequence[Pair], now: float) -> float | None:
        """The first end of all access tokens; the old one while other pairs of the link have it, so that they stay due."""
        if grant.expires_in is not None:
            self.ends.append(now + grant.expires_in)
        renewed = self.done | {pair}
        if any(other not in renewed and set(other) <= opened.secrets.keys() for other in pairs):
            return opened.record.expires_at
        return min(self.ends, default=None)

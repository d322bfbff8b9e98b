"""When an access token is renewed: before its end by a margin with jitter, so that replicas do not all come at once."""

from gatelodge.vault.records import Record

__all__ = ["due", "lasts"]

_LEAST = 60.0
_SHARE = 0.05
_USABLE = 5.0


def due(record: Record, now: float, jitter: float) -> bool:
    """Whether the clock says to renew; ``jitter`` from 0 to 1 widens the margin of max(60 s, 5 % of the life) by half.

    A token without an end is never due. The margin is at most half of the life: a short-lived token is used, too.
    """
    if record.expires_at is None:
        return False
    life = max(record.expires_at - (record.refreshed_at or record.created_at), 0.0)
    margin = min(max(_LEAST, _SHARE * life) * (1 + 0.5 * jitter), 0.5 * life)
    return now >= record.expires_at - margin


def lasts(record: Record, now: float) -> bool:
    """Whether a token is good for a call that starts now."""
    return record.expires_at is None or record.expires_at - now > _USABLE

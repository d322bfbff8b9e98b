"""The limits of a process, counted where its settings say.

Not here: which limits there are (``throttling``, ``app.connected``, ``app.desk``).
"""

from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.ratelimit.limit import Limits
from gatelodge.settings.load import SettingsInvalid

__all__ = ["make_limits"]


def make_limits(clock: Clock, redis_url: Secret | None, owner: str) -> Limits:
    """The maker of limits; ``owner`` is the URL that replicas of one process share. Raises: SettingsInvalid, when Redis is named and the client for it is not installed."""
    try:
        return Limits(clock, redis_url, owner=owner)
    except ModuleNotFoundError as error:
        raise SettingsInvalid(
            f"GATELODGE_REDIS_URL needs {error.name!r}, which is not installed",
            hint="pip install 'gatelodge[redis]', or unset the variable",
        ) from error

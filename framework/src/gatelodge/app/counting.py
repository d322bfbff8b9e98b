"""The limits of a process, counted where its settings say.

Not here: which limits there are (``throttling``, ``app.connected``, ``app.desk``).
"""

from functools import partial

from gatelodge.app.auditing import Auditing
from gatelodge.audit.actor import of_address
from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret, generate
from gatelodge.ratelimit.limit import Limits
from gatelodge.settings.load import SettingsInvalid

__all__ = ["make_limits"]


def make_limits(clock: Clock, redis_url: Secret | None, owner: str, audit: Auditing | None) -> Limits:
    """The maker of limits; ``owner`` is the URL that replicas of one process share.

    The log calls addresses what the audit trail does. Raises: SettingsInvalid, when Redis is named and the client for it
    is not installed.
    """
    named = partial(of_address, generate().reveal().encode()) if audit is None else audit.named
    try:
        return Limits(clock, redis_url, owner=owner, named=named)
    except ModuleNotFoundError as error:
        raise SettingsInvalid(
            f"GATELODGE_REDIS_URL needs {error.name!r}, which is not installed",
            hint="pip install 'gatelodge[redis]', or unset the variable",
        ) from error

"""What the parts of this package raise while nothing usable of the issuer is at hand."""

from gatelodge.core.errors import GatelodgeError

__all__ = ["Unavailable"]


class Unavailable(GatelodgeError):
    """Base of "cannot tell": the issuer's fault, never the caller's. ``retry_after``: whole seconds to the next try."""

    retry_after: int = 1

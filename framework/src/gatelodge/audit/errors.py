"""What is wrong with an event or with a trail."""

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["EventRefused", "TrailBroken"]


class EventRefused(GatelodgeError):
    """A mistake of the caller: an event of an unknown kind, or with a value that does not belong into a trail."""

    code = Code.STORAGE_FAULT


class TrailBroken(GatelodgeError):
    """The head of the trail is gone, so that nothing can be appended to it."""

    code = Code.STORAGE_FAULT

"""What can go wrong with a database, as three errors that callers tell apart.

A detail never holds a value, a row or a password: drivers put them into their own messages, so those are not repeated.
"""

from typing import Literal

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["Conflict", "DatabaseConfigInvalid", "StorageFault", "StorageUnavailable"]


class DatabaseConfigInvalid(GatelodgeError):
    """The address of the database cannot be used; the detail names the variable."""

    code = Code.SETTINGS_INVALID


class StorageUnavailable(GatelodgeError):
    """The database cannot do this now, and the reason lies outside of this program.

    ``outcome`` is ``unknown`` when a commit was under way: the change may or may not be kept. Else it is not kept.
    """

    code = Code.STORAGE_UNAVAILABLE

    def __init__(
        self, detail: str, *, hint: str | None = None, outcome: Literal["not kept", "unknown"] = "not kept"
    ) -> None:
        super().__init__(detail, hint=hint)
        self.outcome = outcome


class StorageFault(GatelodgeError):
    """A mistake of this program, or a database that is damaged or not ours: trying again does not help."""

    code = Code.STORAGE_FAULT


class Conflict(GatelodgeError):
    """Another change came first. ``retryable``: the same transaction may succeed when it runs again from its start."""

    code = Code.STORAGE_CONFLICT

    def __init__(self, detail: str, *, hint: str | None = None, retryable: bool = False) -> None:
        super().__init__(detail, hint=hint)
        self.retryable = retryable

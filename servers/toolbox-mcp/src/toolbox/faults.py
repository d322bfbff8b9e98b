"""What a tool of this server says when it cannot do what was asked: what happened, what to do, and a code.

Both of the framework's errors and of FastMCP's: the one gives the code, the other a line in the log without a traceback.
"""

import logging

from fastmcp.exceptions import ResourceError, ToolError

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["Away", "Busy", "Fault", "Gone", "NotSetUp", "Refused", "Unusable"]


class Fault(GatelodgeError, ToolError):
    """A call that did not succeed, in words for the caller."""

    code = Code.CALL_FAILED
    hint_is_public = True

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint=hint)
        # Told to the caller, and where it is the operator's matter in a line of its own.
        self.log_level = logging.DEBUG

    @property
    def shown(self) -> str:
        """What happened, and what to do."""
        return f"{self.detail} {self.hint}"

    def __str__(self) -> str:
        return self.shown


class Away(Fault):
    """A service gave no answer."""

    code = Code.UPSTREAM_UNREACHABLE


class Unusable(Fault):
    """A service's answer is not what was asked for."""

    code = Code.UPSTREAM_ANSWER_UNUSABLE


class Busy(Fault):
    """A service takes no more calls for now."""

    code = Code.PROVIDER_LIMITED


class Refused(Fault):
    """A service does not accept what was asked."""

    code = Code.PROVIDER_REFUSED


class NotSetUp(Fault):
    """The operator has something to set first."""

    code = Code.PROVIDER_MISCONFIGURED


class Gone(Fault, ResourceError):
    """There was such a thing."""

    code = Code.NOT_FOUND

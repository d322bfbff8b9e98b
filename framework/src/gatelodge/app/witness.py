"""What the gate tells, and whom it asks, about each request: the seams of metrics, audit and limits.

Not here: what any of them does with it.
"""

from typing import Protocol

from starlette.types import Scope

from gatelodge.access.decide import Decision
from gatelodge.app.message import Operation
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal

__all__ = ["ABSENT", "ACCEPTED", "MALFORMED", "UNAVAILABLE", "Throttle", "Witness"]

# Verdicts on a request's token; the others are the values of ``resource_server.errors.Reason``.
ABSENT, ACCEPTED, MALFORMED, UNAVAILABLE = "absent", "accepted", "malformed", "unavailable"


class Witness(Protocol):
    """Sees what the gate sees. An error of ``decided`` refuses the request: what cannot be recorded is not done."""

    def token(self, scope: Scope, verdict: str, principal: Principal | None) -> None:
        """The token check ended. Never raises."""

    async def decided(
        self, scope: Scope, operation: Operation, principal: Principal | None, decision: Decision | None
    ) -> None:
        """The decision on the component that the operation names (None: there is none), before anything of it runs.

        An allowed call that a limit refuses is not told.

        Raises: GatelodgeError.
        """


class Throttle(Protocol):
    """Says when it is too much. Each raises a GatelodgeError that carries its answer's headers."""

    async def failed(self, scope: Scope, error: GatelodgeError) -> None:
        """A token was refused: count it for the address. Raises in place of the refusal, where it was one too many."""

    async def call(self, scope: Scope, principal: Principal | None, operation: Operation) -> None:
        """An allowed operation on a component, before it runs."""

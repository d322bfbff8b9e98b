"""The caller of the request that is being served."""

from contextvars import ContextVar

from gatelodge.core.identity import Principal

__all__ = ["OPERATION_KEY", "PRINCIPAL", "PRINCIPAL_KEY", "current_principal"]

# Where the gate leaves the principal in the ASGI scope.
PRINCIPAL_KEY = "gatelodge.principal"
# And the operation it read in the body, when there is one.
OPERATION_KEY = "gatelodge.operation"

# Set by the gate before FastMCP sees the request; tasks that FastMCP starts for it inherit the value.
PRINCIPAL: ContextVar[Principal | None] = ContextVar("gatelodge_principal", default=None)


def current_principal() -> Principal | None:
    """The verified caller, or None in a public tool called without a token."""
    return PRINCIPAL.get()

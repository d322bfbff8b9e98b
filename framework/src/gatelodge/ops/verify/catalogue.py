"""All checks in the order they run: each section builds on the facts of the one before.

Sign-ins that are meant to fail come after those that must work; what may cost a login works on one of its own.
"""

from gatelodge.ops.verify import (
    accounts,
    authorization,
    client_documents,
    discovery,
    lasting,
    metadata,
    operations,
    protocol,
    refreshing,
    registration,
    research,
    resource_metadata,
    resource_server,
    tokens,
    tools,
)
from gatelodge.ops.verify.check import Check

__all__ = ["CHECKS", "SECTIONS"]

CHECKS: tuple[Check, ...] = (
    *discovery.CHECKS,
    *resource_metadata.CHECKS,
    *metadata.CHECKS,
    *registration.CHECKS,
    *client_documents.CHECKS,
    *authorization.CHECKS,
    *tokens.CHECKS,
    *refreshing.CHECKS,
    *protocol.CHECKS,
    *tools.CHECKS,
    *research.CHECKS,
    *lasting.CHECKS,
    *resource_server.CHECKS,
    *accounts.CHECKS,
    *operations.CHECKS,
)
SECTIONS = {
    "A": "Discovery",
    "B": "How the client becomes known",
    "C": "Authorization and tokens",
    "D": "What gets in",
    "E": "Protocol",
    "F": "Tools",
    "G": "Operations",
    "H": "Connected accounts",
    "T": "Time budgets",
}

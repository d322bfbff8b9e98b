"""Who calls and what was decided, asked of the throttle and told to the witnesses: the same way at every edge.

Invariants: each request's token check is told once, however it ends; an allowed operation is counted before it is told, so
what a limit refuses was never recorded as done. Not here: what either does with it (``witness``), and the answers.
"""

from collections.abc import Iterable

from starlette.types import Scope

from gatelodge.access.decide import Answer, Decision
from gatelodge.app.message import Operation
from gatelodge.app.witness import ABSENT, ACCEPTED, MALFORMED, UNAVAILABLE, Throttle, Witness
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal
from gatelodge.resource_server.bearer import CredentialsMalformed
from gatelodge.resource_server.errors import TokenRejected
from gatelodge.resource_server.identity import Identity

__all__ = ["identified", "told"]


async def identified(
    scope: Scope, identity: Identity, throttle: Throttle | None, witnesses: Iterable[Witness]
) -> Principal | None:
    """The caller; None without credentials. Raises: as ``identity``; LimitReached, in place of one refusal too many."""
    principal: Principal | None = None
    verdict = ABSENT
    try:
        principal = await identity.identify(scope)
        if principal is not None:
            verdict = ACCEPTED
    except GatelodgeError as error:
        verdict = _verdict(error)
        if throttle is not None and verdict != UNAVAILABLE:
            await throttle.failed(scope, error)
        raise
    finally:
        for witness in witnesses:
            witness.token(scope, verdict, principal)
    return principal


async def told(
    scope: Scope,
    operation: Operation,
    principal: Principal | None,
    decision: Decision | None,
    *,
    throttle: Throttle | None,
    witnesses: Iterable[Witness],
) -> None:
    """A decision, before anything is done by it. Raises: LimitReached; what the witnesses raise."""
    if throttle is not None and decision is not None and decision.answer is Answer.ALLOW:
        # First: what a limit refuses does not run, so it is no call that was recorded as done.
        await throttle.call(scope, principal, operation)
    for witness in witnesses:
        await witness.decided(scope, operation, principal, decision)


def _verdict(error: GatelodgeError) -> str:
    if isinstance(error, TokenRejected):
        return error.reason.value
    return MALFORMED if isinstance(error, CredentialsMalformed) else UNAVAILABLE

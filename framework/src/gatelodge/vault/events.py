"""Audit events of the vault: who did what to whose credential. Never a secret, a key or a part of one."""

from typing import TypeAlias

from gatelodge.audit.actor import of_user
from gatelodge.audit.event import Event, Outcome, Scalar
from gatelodge.audit.trail import Trail
from gatelodge.audit.unkept import NoTrail
from gatelodge.vault.owner import SERVICE, Owner

__all__ = ["AnyTrail", "about"]

AnyTrail: TypeAlias = Trail | NoTrail


def about(
    kind: str,
    owner: Owner,
    actor: str,
    *,
    outcome: Outcome = "ok",
    rule: str | None = None,
    **details: Scalar,
) -> Event:
    """An event about one owner's connection; a user is named by the digest that the trail has for actors."""
    whose = SERVICE if owner.tenant == SERVICE else of_user(owner.tenant, owner.user)
    return Event(kind, actor, {"owner": whose, "provider": owner.provider, **details}, outcome, rule)

"""A check that judges the realm: reads it, or says why it could not be read."""

from collections.abc import Callable

from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.doctor.facts import Facts, RealmView
from gatelodge.ops.doctor.finding import Check, Finding, not_checked

__all__ = ["realm_check"]


def realm_check(name: str, title: str, judge: Callable[[Facts, RealmView], Finding]) -> Check:
    """``judge`` is pure; it is called only with a realm that was read."""

    async def examine(facts: Facts) -> Finding:
        try:
            realm = await facts.realm()
        except GatelodgeError as error:
            return not_checked(f"Keycloak's admin API refused: {error.detail}")
        if realm is None:
            fix = "Run it beside the stack, or name one with --keycloak-url."
            return not_checked("no administrator is known", fix=fix)
        return judge(facts, realm)

    return Check(name, title, examine, live=True)

"""The scope ``basic``: without it among the realm's defaults tokens have no ``sub`` (Keycloak since 25)."""

from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem

__all__ = ["CHECK"]


async def _examine(facts: Facts) -> Finding:
    try:
        realm = await facts.realm()
    except GatelodgeError as error:
        return not_checked(f"Keycloak's admin API refused: {error.detail}")
    if realm is None:
        return not_checked("no administrator is known", fix="Run it beside the stack, or name one with --keycloak-url.")
    fix = "Give new clients the scope with the `sub` mapper by default; clients that exist have to be patched."
    if "basic" not in realm.default_scopes:
        return problem("the realm's default client scopes lack `basic`", fix=fix, command="gatelodge realm plan")
    mappers = {mapper["protocolMapper"] for mapper in realm.scopes["basic"].get("protocolMappers", [])}
    if "oidc-sub-mapper" not in mappers:
        return problem("the scope `basic` has no `sub` mapper", fix=fix, command="gatelodge realm plan")
    return healthy("tokens get `sub` from the scope `basic`")


CHECK = Check("basic-scope", "Subject in tokens", _examine, live=True)

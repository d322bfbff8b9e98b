"""The offline role: without it users have to connect again after half an hour (OpenID Connect Core, section 11)."""

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
    if "offline_access" not in realm.default_scopes | realm.optional_scopes:
        return problem(
            "clients cannot ask for offline_access",
            fix="Make it an optional client scope of the realm: ChatGPT and claude.ai refresh only with it.",
            command="gatelodge realm plan",
        )
    if "offline_access" not in realm.offline_roles:
        return problem(
            "the scope offline_access brings no role: clients get `Offline tokens not allowed for the user or client`",
            fix="Map the realm role offline_access to the scope.",
            command="gatelodge realm plan",
        )
    return healthy("connections outlive the browser session")


CHECK = Check("offline-role", "Long-lived connections", _examine, live=True)

"""The offline role: without it users have to connect again after half an hour (OpenID Connect Core, section 11)."""

from gatelodge.ops.doctor.facts import Facts, RealmView
from gatelodge.ops.doctor.finding import Finding, healthy, problem
from gatelodge.ops.doctor.realm_check import realm_check

__all__ = ["CHECK"]


def _judge(_: Facts, realm: RealmView) -> Finding:
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


CHECK = realm_check("offline-role", "Long-lived connections", _judge)

"""The scope ``basic``: without it among the realm's defaults tokens have no ``sub`` (Keycloak since 25)."""

from gatelodge.ops.doctor.facts import Facts, RealmView
from gatelodge.ops.doctor.finding import Finding, healthy, problem
from gatelodge.ops.doctor.realm_check import realm_check

__all__ = ["CHECK"]


def _judge(_: Facts, realm: RealmView) -> Finding:
    fix = "Give new clients the scope with the `sub` mapper by default; clients that exist have to be patched."
    if "basic" not in realm.default_scopes:
        return problem("the realm's default client scopes lack `basic`", fix=fix, command="gatelodge realm plan")
    mappers = {mapper["protocolMapper"] for mapper in realm.scopes["basic"].get("protocolMappers", [])}
    if "oidc-sub-mapper" not in mappers:
        return problem("the scope `basic` has no `sub` mapper", fix=fix, command="gatelodge realm plan")
    return healthy("tokens get `sub` from the scope `basic`")


CHECK = realm_check("basic-scope", "Subject in tokens", _judge)

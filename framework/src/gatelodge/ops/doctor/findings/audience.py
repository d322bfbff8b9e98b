"""Audience mappers: without one, tokens of a scope carry no ``aud`` and every call is 401 for ever (RFC 8707)."""

from collections.abc import Mapping
from typing import Any

from gatelodge.ops.doctor.facts import Facts, RealmView
from gatelodge.ops.doctor.finding import Finding, healthy, problem
from gatelodge.ops.doctor.realm_check import realm_check

__all__ = ["CHECK"]


def _judge(facts: Facts, realm: RealmView) -> Finding:
    scopes = facts.server_scopes(realm)
    without = [name for name in scopes if not _audiences(realm.scopes[name])]
    if without:
        return problem(
            f"no audience mapper: {', '.join(without)}",
            fix="Every scope of a server needs the server's exact URL as audience.",
            command="gatelodge realm plan",
        )
    if not any(facts.mcp_url in _audiences(realm.scopes[name]) for name in scopes):
        named = sorted({audience for name in scopes for audience in _audiences(realm.scopes[name])})
        return problem(
            f"no scope brings the audience {facts.mcp_url!r}; they bring {', '.join(named) or 'none'}",
            fix="The audience must be the URL that clients type, byte by byte.",
            command="gatelodge realm plan",
        )
    return healthy(f"{len(scopes)} server scopes have their audience")


def _audiences(scope: Mapping[str, Any]) -> set[str]:
    mappers = [
        mapper for mapper in scope.get("protocolMappers", []) if mapper["protocolMapper"] == "oidc-audience-mapper"
    ]
    return {mapper["config"].get("included.custom.audience", "") for mapper in mappers} - {""}


CHECK = realm_check("audience", "Audience of the server's scopes", _judge)

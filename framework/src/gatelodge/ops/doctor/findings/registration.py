"""Registration closed or nearly full: new clients are locked out (RFC 7591)."""

from collections.abc import Mapping
from typing import Any

from gatelodge.ops.doctor.facts import Facts, RealmView
from gatelodge.ops.doctor.finding import Finding, healthy, problem, warning
from gatelodge.ops.doctor.realm_check import realm_check

__all__ = ["CHECK"]

NEARLY_FULL = 0.8


def _judge(_: Facts, realm: RealmView) -> Finding:
    hosts = _config(realm, "trusted-hosts").get("trusted-hosts", [])
    if not hosts:
        return problem(
            "no redirect host is trusted: Keycloak refuses every registration",
            fix="Name the hosts of your clients in infra/keycloak/registration.yaml.",
            command="gatelodge realm plan",
        )
    limit = int((_config(realm, "max-clients").get("max-clients") or ["0"])[0])
    if limit and realm.clients >= limit * NEARLY_FULL:
        full = realm.clients >= limit
        return (problem if full else warning)(
            f"{realm.clients} of at most {limit} clients" + (": new ones are refused" if full else ""),
            fix="Remove clients that nobody uses, or raise max-clients.",
            command="gatelodge clients reap --dry-run",
        )
    room = f"{realm.clients} of at most {limit} clients" if limit else f"{realm.clients} clients, without a limit"
    return healthy(f"open for redirects on {len(hosts)} hosts; {room}")


def _config(realm: RealmView, provider: str) -> Mapping[str, Any]:
    """The configuration of the policy for clients that come without a token."""
    found = (p for p in realm.policies if p["providerId"] == provider and p.get("subType") == "anonymous")
    config: Mapping[str, Any] = next(found, {}).get("config", {})
    return config


CHECK = realm_check("registration", "Client registration", _judge)

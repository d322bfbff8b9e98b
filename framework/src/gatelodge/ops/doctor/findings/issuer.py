"""Wrong host or issuer: what is typed, what the metadata says and who issues must be the same strings (RFC 9728, 8414)."""

from gatelodge.core.errors import GatelodgeError
from gatelodge.core.urls import well_known
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, problem

__all__ = ["CHECK"]


async def _examine(facts: Facts) -> Finding:
    try:
        resource = (await facts.resource()).get("resource")
        issuer = await facts.issuer()
    except GatelodgeError as error:
        return problem(
            f"no protected-resource metadata: {error.detail}",
            fix="The server must answer below /.well-known/; look whether it runs and whether the proxy routes it there.",
            command=f"curl -sv {well_known(facts.mcp_url, 'oauth-protected-resource')}",
        )
    if resource != facts.mcp_url:
        return problem(
            f"the metadata names the resource {resource!r}, clients type {facts.mcp_url!r}",
            fix="Make GATELODGE_PUBLIC_URL the exact URL that people type, then sync the realm's audience.",
        )
    if not issuer:
        return problem("the metadata names no authorization server", fix="Set GATELODGE_ISSUER.")
    try:
        document = await facts.outbound.get_json(well_known(issuer, "oauth-authorization-server"))
    except GatelodgeError as error:
        return problem(
            f"the issuer {issuer} has no metadata that clients can read: {error.detail}",
            fix="Route its three metadata URLs to the desk or to Keycloak; look whether both run.",
            command=f"curl -sv {well_known(issuer, 'oauth-authorization-server')}",
        )
    if document.get("issuer") != issuer:
        return problem(
            f"the resource names the issuer {issuer!r}, its own document says {document.get('issuer')!r}",
            fix="Set GATELODGE_ISSUER and Keycloak's --hostname to one name, byte by byte: scheme, port, no slash.",
        )
    return healthy(f"{issuer} issues for {resource}")


CHECK = Check("issuer", "Resource and issuer", _examine, live=True)

"""Routes that must be closed at the edge: administration, other ways to register, metrics, internal paths."""

from gatelodge.connections.place import Place
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem

__all__ = ["CHECK", "CLOSED"]

# Below the origin; {realm} is the issuer's path, {server} what is in front of the server's own. GET only: none of these requests can change anything.
CLOSED = (
    "/admin/",
    "/admin/realms/mcp/clients",
    "/realms/master",
    "/realms/master/.well-known/openid-configuration",
    "{realm}/clients-registrations/default",
    "{realm}/clients-registrations/install",
    "{realm}/clients-registrations/saml2-entity-descriptor",
    "{realm}/clients%2Dregistrations/default",
    "{realm}//clients-registrations/default",
    "{realm}/clients-managements/register-node",
    "{realm}/protocol/openid-connect/ext/par/request",
    "/metrics",
    "/internal/metrics",
    "/internal/clients",
    "/internal/tokens/github",
    "{server}/metrics",
    "{server}/internal/metrics",
    "{server}/internal/tokens/github",
    "/dashboard/",
    "/api/rawdata",
)


async def _examine(facts: Facts) -> Finding:
    try:
        realm = (await facts.issuer()).removeprefix(facts.base) or "/realms/mcp"
    except GatelodgeError:
        realm = "/realms/mcp"
    found: list[str] = []
    # The server at the root has the origin's own paths.
    closed = dict.fromkeys(path.format(realm=realm, server=Place(facts.mcp_url).base) for path in CLOSED)
    for place in closed:
        try:
            answer = await facts.get(facts.base + place)
        except GatelodgeError as error:
            return not_checked(f"the edge does not answer: {error.detail}")
        if answer.status != 404:
            found.append(f"{place} ({answer.status})")
    if found:
        return problem(
            f"open at the edge: {', '.join(found)}",
            fix="Only the paths of infra/traefik/dynamic.yaml may be routed; compare the rules of your proxy with it.",
            command=f"curl -si {facts.base}{found[0].split()[0]}",
        )
    return healthy(f"{len(closed)} paths that must be closed answer 404")


CHECK = Check("open-routes", "Closed routes", _examine, live=True)

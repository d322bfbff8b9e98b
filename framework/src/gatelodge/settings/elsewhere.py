"""Variables that no settings model reads: those of the realm, of Traefik's routes and of Compose. Known, so that none counts as a typo.

``docs/reference/settings.md`` is made from here, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["COMPOSE", "EDGE", "ELSEWHERE", "REALM", "Elsewhere"]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What a variable means to the program that reads it."""

    meaning: str
    default: str = "none"


EDGE: Mapping[str, Elsewhere] = {
    "GATELODGE_EDGE_KEYCLOAK_URL": Elsewhere("Keycloak's internal address"),
    "GATELODGE_EDGE_DESK_URL": Elsewhere("the desk's internal address"),
    "GATELODGE_EDGE_SERVER_URL": Elsewhere("the server's internal address"),
    "GATELODGE_EDGE_SERVER_2_URL": Elsewhere("a second replica's, or empty"),
    "GATELODGE_EDGE_CERT_FILE": Elsewhere("certificate chain for the public address"),
    "GATELODGE_EDGE_KEY_FILE": Elsewhere("its private key"),
}

REALM: Mapping[str, Elsewhere] = {
    "GATELODGE_GITHUB_SIGNIN_CLIENT_ID": Elsewhere(
        "Client id of the OAuth app at GitHub by which people sign in to the realm. Set, it switches sign-in by GitHub"
        " on. It is another app than that of linked accounts, `GATELODGE_GITHUB_CLIENT_ID`."
    ),
    "GATELODGE_GITHUB_SIGNIN_CLIENT_SECRET_FILE": Elsewhere("File with its secret."),
    "GATELODGE_GITHUB_SIGNIN_CLIENT_SECRET": Elsewhere("Its secret, in place of the file."),
    "GATELODGE_GITHUB_SIGNIN_URL": Elsewhere("Pages of a GitHub that is not github.com; https."),
    "GATELODGE_GITHUB_SIGNIN_API_URL": Elsewhere("Its API. Both addresses are set or none."),
}

COMPOSE: Mapping[str, Elsewhere] = {
    "GATELODGE_PUBLIC_HOST": Elsewhere("Public host name. Without it: `https://localhost:8443`, this machine only."),
    "ACME_EMAIL": Elsewhere("Address for the certificate authority; needed with a public host."),
    "ACME_SERVER": Elsewhere("Directory URL of another ACME server.", "Traefik's"),
    "GATELODGE_PORT": Elsewhere("Port on loopback, without a public host.", "8443"),
    "GATELODGE_NETWORK": Elsewhere("First three parts of the addresses of the networks.", "172.31.240"),
    "GATELODGE_EDGE_NETWORK": Elsewhere("Name of the network that further servers join.", "gatelodge-edge"),
    "GATELODGE_VERSION": Elsewhere("Tag of our images.", "latest"),
    "GATELODGE_ENV_FILE": Elsewhere(
        "File with settings for the desk and all servers, such as limits; one that is not there is none.",
        "`gatelodge.env`",
    ),
    "GATELODGE_AUDIT": Elsewhere(
        "`off`: the desk and the servers keep no [audit trail](../guides/audit.md) of calls, refusals and registrations.",
        "on",
    ),
    "GATELODGE_SECOND_REPLICA": Elsewhere("`1` for a second replica of the sample."),
    "COMPOSE_PROFILES": Elsewhere(
        "`workspace` for the server of [connected accounts](../guides/connected-accounts.md#with-compose), `toolbox`"
        " for [that one](../../servers/toolbox-mcp/README.md), with their routes, scopes and secrets;"
        " `observability` for [figures, alerts and dashboards](../guides/operating.md#with-compose). Several with a comma"
        " between. It is Compose's own variable; the option `--profile` alone starts a server without them, and it"
        " refuses. Providers are set in `servers/workspace-mcp/.env` and `servers/toolbox-mcp/.env`."
    ),
    "SAMPLE_VERSION": Elsewhere("Tag of the sample's image, to roll it alone.", "as `GATELODGE_VERSION`"),
    "SAMPLE_CORPUS": Elsewhere("Folder of documents that the sample searches.", "./docs"),
    "KEYCLOAK_JAVA_OPTIONS": Elsewhere("Further options of Keycloak's Java."),
}

ELSEWHERE: Mapping[str, Elsewhere] = {**REALM, **EDGE, **COMPOSE}

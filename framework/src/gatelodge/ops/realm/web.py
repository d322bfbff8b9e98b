"""The client of the pages of connected accounts as Keycloak wants it: one for all servers that have such pages.

OpenID Connect Core 1.0, section 3.1. Invariant: it signs people in by code and PKCE at exact addresses, and its tokens
hold no audience and no scope of a server. Pure.
"""

from collections.abc import Iterable
from typing import Any

from gatelodge.core.secret import Secret
from gatelodge.ops.realm.confidential import confidential_client
from gatelodge.ops.realm.files import Server, WebFile
from gatelodge.ops.realm.mappers import attribute

__all__ = ["WEB_CLIENT", "WEB_SECRET", "WEB_SECRET_PLACEHOLDER", "callback_of", "web_clients"]

WEB_CLIENT = "gatelodge-web"

WEB_SECRET = "GATELODGE_WEB_CLIENT_SECRET"  # noqa: S105 - the name of a variable
# Filled in by an import, from Keycloak's environment.
WEB_SECRET_PLACEHOLDER = f"${{{WEB_SECRET}}}"


def web_clients(
    file: WebFile, servers: Iterable[Server], *, public_base: str, secret: Secret | None
) -> list[dict[str, Any]]:
    """The client for the servers with pages, none without such a server; without ``secret`` with a placeholder."""
    pages = [_page(public_base + server.path) for server in servers if server.accounts]
    if not pages:
        return []
    return [
        confidential_client(
            file.client_id,
            name="Connected accounts",
            description=file.description,
            authenticator="client-secret",
            secret=WEB_SECRET_PLACEHOLDER if secret is None else secret.reveal(),
            flow="standardFlowEnabled",
            scopes=("basic", "acr"),
            attributes={"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": "##".join(pages)},
            # The pages show the name.
            mappers={"username": attribute("username", claim="preferred_username", into=("id",))},
            redirects=[f"{page}/callback" for page in pages],
        )
        # Our own page: whoever signs in there asked this server for it.
        | {"consentRequired": False}
    ]


def callback_of(mcp_url: str) -> str:
    """Where the browser comes back to at the server of that URL."""
    return f"{_page(mcp_url)}/callback"


def _page(mcp_url: str) -> str:
    return f"{mcp_url.removesuffix('/mcp')}/accounts"

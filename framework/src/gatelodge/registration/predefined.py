"""Clients that an operator makes by hand, for a product whose dialog wants a client id typed in.

Invariants: none is ever removed by the reaper; an existing client is never overwritten; like every client here, a
predefined one asks for consent, uses PKCE and may ask for the realm's optional scopes.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatelodge.core.secret import Secret
from gatelodge.registration.body import display_name
from gatelodge.registration.config import RegistrationPolicy
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.marks import MADE_AT, MADE_BY, stamp
from gatelodge.registration.provision import BASE
from gatelodge.registration.redirects import any_port, check_redirects

__all__ = ["PRODUCTS", "Predefined", "Product", "client_id_of", "predefine", "representation"]


@dataclass(frozen=True, slots=True)
class Product:
    """A product as its vendor documents it: ``redirects`` it uses, and how it names itself."""

    title: str
    redirects: tuple[str, ...]


# As documented on 2026-11-20. A loopback redirect without a port is matched on any port.
PRODUCTS: Mapping[str, Product] = {
    # The fixed redirect of an issuer that sends `iss` (RFC 9207), which ours does. Older connections have one each, of
    # the form https://chatgpt.com/connector/oauth/{id}, shown in their dialog: give it with --redirect.
    "chatgpt": Product("ChatGPT", ("https://chatgpt.com/connector_platform_oauth_redirect",)),
    "claude": Product(
        "Claude", ("https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback")
    ),
    "claude-code": Product("Claude Code", ("http://localhost/callback", "http://127.0.0.1/callback")),
    "vscode": Product(
        "Visual Studio Code",
        ("http://127.0.0.1/", "https://vscode.dev/redirect", "https://insiders.vscode.dev/redirect"),
    ),
    "cursor": Product("Cursor", ("http://localhost:8787/callback", "https://www.cursor.com/agents/mcp/oauth/callback")),
    "codex": Product("Codex", ("http://127.0.0.1/callback", "http://localhost/callback")),
    "inspector": Product(
        "MCP Inspector", ("http://localhost:6274/oauth/callback", "http://localhost:6274/oauth/callback/debug")
    ),
}


@dataclass(frozen=True, slots=True)
class Predefined:
    """A client that was just made; ``secret`` only for one that was asked to have one."""

    client_id: str
    name: str
    redirects: tuple[str, ...]
    secret: Secret | None


async def predefine(
    clients: KeycloakClients,
    product: str,
    *,
    policy: RegistrationPolicy,
    now: float,
    confidential: bool = False,
    name: str | None = None,
    redirects: tuple[str, ...] = (),
) -> Predefined:
    """Make the client of a product; ``redirects`` replace the product's own.

    Raises: InvalidRedirectUri, ClientExists, RegistrarUnavailable, RegistrarRefused.
    """
    known = PRODUCTS[product]
    chosen = redirects or known.redirects
    check_redirects(chosen, policy.allowed_hosts)
    secret = Secret(secrets.token_urlsafe(32)) if confidential else None
    shown = display_name(name) or known.title
    client_id = client_id_of(product, name)
    made = representation(client_id, shown, chosen, secret=secret, marks={MADE_AT: stamp(now)})
    await clients.create(made)
    return Predefined(client_id, shown, chosen, secret)


def representation(
    client_id: str, name: str, redirects: tuple[str, ...], *, secret: Secret | None, marks: Mapping[str, str]
) -> dict[str, Any]:
    """A predefined client as Keycloak's ClientRepresentation; public without ``secret``; ``marks`` are attributes."""
    made: dict[str, Any] = {
        **BASE,
        "clientId": client_id,
        "name": name,
        "publicClient": secret is None,
        "clientAuthenticatorType": "client-secret",
        "redirectUris": any_port(redirects),
        "attributes": {"pkce.code.challenge.method": "S256", MADE_BY: "predefined", **marks},
    }
    return made if secret is None else {**made, "secret": secret.reveal()}


def client_id_of(product: str, name: str | None) -> str:
    """The product, and the given name in letters that need no care anywhere."""
    given = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in (name or "").lower())
    suffix = "-".join(filter(None, given.split("-")))[:60]
    return f"{product}-{suffix}" if suffix else product

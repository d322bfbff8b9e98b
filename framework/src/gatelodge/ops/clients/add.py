"""A client made for a product, and the text that says what to type there."""

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.clients.dialog import Addresses, dialog
from gatelodge.ops.clients.place import Place
from gatelodge.registration.errors import InvalidRedirectUri
from gatelodge.registration.keycloak_clients import ClientExists, KeycloakClients
from gatelodge.registration.predefined import client_id_of, predefine

__all__ = ["ClientNotAdded", "add_client"]

# Scopes of the realm that no MCP client has to name.
_UNNAMED = frozenset({"email", "profile", "address", "phone", "microprofile-jwt", "organization"})


class ClientNotAdded(GatelodgeError):
    """The client could not be made; nothing was changed."""

    code = Code.REALM_REFUSED


async def add_client(
    clients: KeycloakClients,
    place: Place,
    product: str,
    *,
    now: float,
    confidential: bool = False,
    name: str | None = None,
    redirects: tuple[str, ...] = (),
    mcp_url: str | None = None,
) -> str:
    """Make the client; gives the text to print. Raises: ClientNotAdded, RegistrarUnavailable, RegistrarRefused."""
    try:
        made = await predefine(
            clients,
            product,
            policy=place.redirects,
            now=now,
            confidential=confidential,
            name=name,
            redirects=redirects,
        )
    except ClientExists as error:
        taken = client_id_of(product, name)
        raise ClientNotAdded(
            f"the realm has a client {taken} already; it was not changed",
            hint=f"gatelodge clients show {taken} shows it; --name OTHER makes another one beside it.",
        ) from error
    except InvalidRedirectUri as error:
        raise ClientNotAdded(
            f"--redirect: {error.description}", hint="Further hosts: GATELODGE_REGISTRATION_HOSTS of the desk."
        ) from error
    scopes = tuple(scope for scope in await clients.offline_scopes() if scope not in _UNNAMED)
    return dialog(product, made, Addresses(mcp_url or place.mcp_url, place.issuer, scopes))

"""A file that a realm may have: clients made beforehand.

A secret is a place in what is rendered (``placeholders``), never a value. Pure but for reading the file.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gatelodge.core.secret import Secret
from gatelodge.ops.realm.files import PredefinedClient, RealmFilesInvalid, read_named
from gatelodge.ops.realm.placeholders import placeholder
from gatelodge.ops.realm.servers import MANAGED
from gatelodge.registration.config import RegistrationPolicy
from gatelodge.registration.errors import InvalidRedirectUri
from gatelodge.registration.predefined import PRODUCTS, representation
from gatelodge.registration.redirects import check_redirects

__all__ = ["predefined_clients"]


def predefined_clients(file: Path) -> list[dict[str, Any]]:
    """``predefined-clients.yaml`` as Keycloak's clients, each known by its key. Raises: RealmFilesInvalid."""
    return [_client(file, client_id, entry) for client_id, entry in read_named(file, PredefinedClient).items()]


def _client(file: Path, client_id: str, entry: PredefinedClient) -> dict[str, Any]:
    product = PRODUCTS.get(entry.product)
    if product is None:
        raise RealmFilesInvalid(f"{file}: {client_id}: no product {entry.product!r}; there are {', '.join(PRODUCTS)}")
    redirects = entry.redirects or product.redirects
    # The operator chose the hosts; the rest of the grammar holds as for strangers.
    hosts = frozenset(urlsplit(uri).hostname or "" for uri in entry.redirects)
    try:
        check_redirects(redirects, RegistrationPolicy().allowed_hosts | hosts)
    except InvalidRedirectUri as error:
        raise RealmFilesInvalid(f"{file}: {client_id}: {error.detail}") from error
    secret = None if entry.secret is None else Secret(placeholder(entry.secret))
    shown = entry.name or product.title
    return representation(client_id, shown, redirects, secret=secret, marks={MANAGED: "true"})

"""The desk's mark on a client that was just registered, so that the reaper knows whose it is.

Invariant: a registration does not fail because its mark did. A client without a mark is never removed by the desk.
"""

import logging

from gatelodge.registration.errors import RegistrarUnavailable
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.marks import MADE_AT, MADE_BY, stamp
from gatelodge.registration.service_account import RegistrarRefused

__all__ = ["stamp_registered"]

logger = logging.getLogger(__name__)


async def stamp_registered(clients: KeycloakClients, client_id: str, *, now: float) -> bool:
    """Mark a client as registered through the desk; False, and one line in the log, when that was not possible."""
    try:
        found = await clients.find(client_id)
        if found is None:
            logger.warning("client %s is not marked: Keycloak does not have it any more", client_id)
            return False
        marks = {MADE_BY: "dcr", MADE_AT: stamp(now)}
        await clients.update(found["id"], {"clientId": client_id, "attributes": marks})
    except (RegistrarUnavailable, RegistrarRefused) as error:
        said = (client_id, error.detail, error.hint)
        logger.warning("client %s is not marked and will never be removed: %s; next step: %s", *said)
        return False
    return True

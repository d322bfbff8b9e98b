"""A realm in process, and its clients through the desk's account."""

from collections.abc import AsyncIterator

import pytest
from administered_realm import SECRET
from managed_realm import ManagedRealm
from registering_realm import INTERNAL

from gatelodge.core.secret import Secret
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.service_account import ServiceAccount
from gatelodge.testing.clock import ManualClock


@pytest.fixture
def realm() -> ManagedRealm:
    """A realm without a client."""
    return ManagedRealm()


@pytest.fixture
async def clients(realm: ManagedRealm) -> AsyncIterator[KeycloakClients]:
    """Its clients."""
    outbound = realm.outbound()
    account = ServiceAccount(
        outbound, realm_url=INTERNAL, client_id="gatelodge-desk", secret=Secret(SECRET), clock=ManualClock()
    )
    yield KeycloakClients(outbound, account, realm_url=INTERNAL)
    await outbound.aclose()

"""A rendered realm made true in a running Keycloak, over its internal port.

The stamp is written last: a sync that was cut off is done again by the next one. Clients, consents, sessions and
what a person added stay. Not here: the pure rendering (``render``), the parts of a sync (``sync``).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from keycloak import KeycloakAdmin

from gatelodge.core.secret import Secret
from gatelodge.ops.realm.account import SERVICE_ACCOUNT, filled_in
from gatelodge.ops.realm.connection import RealmRefused, connect, disconnect
from gatelodge.ops.realm.render import STAMP, fingerprint, refuse_master
from gatelodge.ops.realm.sync import sync_client_policies, sync_client_scopes, sync_registration, sync_settings
from gatelodge.ops.realm.sync_account import sync_account

__all__ = ["Outcome", "RealmAdmin", "RealmRefused"]

Outcome = Literal["created", "updated", "unchanged"]


class RealmAdmin:
    """The administrator of one realm; ``url`` is Keycloak's internal address, such as ``http://127.0.0.1:18080``."""

    def __init__(self, url: str, username: str, password: Secret, *, realm: str = "mcp") -> None:
        refuse_master(realm)
        self._admin = connect(url, username, password)
        self._admin.change_current_realm(realm)

    @property
    def keycloak(self) -> KeycloakAdmin:
        """python-keycloak's admin client, signed in, for what this class does not do."""
        return self._admin

    def ensure(self, realm: Mapping[str, Any]) -> Outcome:
        """Create the realm, bring it up to date, or leave it. Raises: RealmRefused, RealmFilesInvalid (master)."""
        name = realm["realm"]
        refuse_master(name)
        self._admin.change_current_realm(name)
        wanted = fingerprint(realm)
        present = self._find(name)
        if present is None:
            attributes = {**realm.get("attributes", {}), STAMP: wanted}
            self._admin.create_realm({**filled_in(realm), "attributes": attributes})
            return "created"
        stamp = present.get("attributes", {}).get(STAMP)
        if stamp != wanted:
            self._sync(realm, stamp=wanted)
        added = self._add_missing_users(realm.get("users", ()))
        return "updated" if added or stamp != wanted else "unchanged"

    def delete_client(self, client_id: str) -> None:
        """Remove the client with this ``client_id``; one that is not there is no error. Raises: RealmRefused."""
        identifier = self._admin.get_client_id(client_id)
        if identifier is not None:
            self._admin.delete_client(identifier)

    def close(self) -> None:
        """End the admin session at Keycloak and close the connections; using it again signs in again."""
        disconnect(self._admin)

    def _find(self, name: str) -> dict[str, Any] | None:
        try:
            return self._admin.get_realm(name)
        except RealmRefused as refusal:
            if refusal.answered == 404:
                return None
            raise

    def _sync(self, realm: Mapping[str, Any], *, stamp: str) -> None:
        attributes = {key: value for key, value in realm.get("attributes", {}).items() if key != STAMP}
        # Any other value than a fingerprint: what a cut-off sync leaves behind must match no rendering.
        sync_settings(self._admin, realm, attributes={**attributes, STAMP: "unfinished"})
        # Registration policies name client scopes, and Keycloak checks the names: scopes first.
        sync_client_scopes(self._admin, realm)
        sync_registration(self._admin, realm)
        # Before the policies, which make an exception for it.
        sync_account(self._admin, filled_in(realm))
        sync_client_policies(self._admin, realm)
        sync_settings(self._admin, realm, attributes={**attributes, STAMP: stamp})

    def _add_missing_users(self, users: Iterable[Mapping[str, Any]]) -> int:
        """Users are made when missing and never changed: their passwords and names are theirs by then."""
        added = 0
        for user in users:
            if SERVICE_ACCOUNT in user:
                # Keycloak makes it together with its client.
                continue
            if not self._admin.get_users({"username": user["username"], "exact": "true"}):
                # Keycloak gives the default roles to a user made here, and refuses none: realmRoles is for imports.
                self._admin.create_user({key: value for key, value in user.items() if key != "realmRoles"})
                added += 1
        return added

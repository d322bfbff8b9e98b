"""Make a realm that is already there say what the rendered one says, part by part.

What these files made is updated in place, so clients, consents and sessions survive; what a person made in the
realm is never changed or deleted. Not here: whether a sync is needed, and the users (``apply``).
"""

import json
from collections.abc import Mapping
from typing import Any

from keycloak import KeycloakAdmin

from gatelodge.ops.realm.servers import MANAGED

__all__ = ["sync_client_policies", "sync_client_scopes", "sync_registration", "sync_settings"]

_Json = dict[str, Any]

# Members of a realm JSON that Keycloak reads when a realm is made and ignores, or takes only in part, later.
_CREATION_ONLY = frozenset(
    {
        "clientScopes",
        "defaultDefaultClientScopes",
        "defaultOptionalClientScopes",
        "scopeMappings",
        "components",
        "clientProfiles",
        "clientPolicies",
        "clients",
        "clientScopeMappings",
        "users",
    }
)


def sync_settings(admin: KeycloakAdmin, realm: Mapping[str, Any], *, attributes: Mapping[str, str]) -> None:
    """The realm's own settings, with these attributes; attributes of others stay."""
    settings = {key: value for key, value in realm.items() if key not in _CREATION_ONLY}
    kept = admin.get_realm(realm["realm"]).get("attributes", {})
    admin.update_realm(realm["realm"], settings | {"attributes": {**kept, **attributes}})


def sync_client_scopes(admin: KeycloakAdmin, realm: Mapping[str, Any]) -> None:
    """Client scopes with mappers, role mappings, and the realm's default and optional lists."""
    present = {scope["name"]: scope for scope in admin.get_client_scopes()}
    identifiers: dict[str, str] = {}
    for scope in realm["clientScopes"]:
        if scope["name"] in present:
            identifiers[scope["name"]] = present[scope["name"]]["id"]
            _update_scope(admin, present[scope["name"]], scope)
        else:
            identifiers[scope["name"]] = admin.create_client_scope(scope)
    for name, scope in present.items():
        if name not in identifiers and scope.get("attributes", {}).get(MANAGED) == "true":
            admin.delete_client_scope(scope["id"])
    for mapping in realm["scopeMappings"]:
        roles = [admin.get_realm_role(role) for role in mapping["roles"]]
        # python-keycloak's assign_realm_roles_to_client_scope means the scope of a client, not a client scope.
        scope_id = identifiers[mapping["clientScope"]]
        path = f"admin/realms/{realm['realm']}/client-scopes/{scope_id}/scope-mappings/realm"
        admin.connection.raw_post(path, data=json.dumps(roles))
    _assign(admin, realm, identifiers)


def _update_scope(admin: KeycloakAdmin, present: _Json, wanted: _Json) -> None:
    scope_id = present["id"]
    admin.update_client_scope(scope_id, {key: value for key, value in wanted.items() if key != "protocolMappers"})
    known = {mapper["name"]: mapper["id"] for mapper in present.get("protocolMappers", [])}
    for mapper in wanted["protocolMappers"]:
        if mapper["name"] in known:
            mapper_id = known[mapper["name"]]
            admin.update_mapper_in_client_scope(scope_id, mapper_id, {**mapper, "id": mapper_id})
        else:
            admin.add_mapper_to_client_scope(scope_id, mapper)


def _assign(admin: KeycloakAdmin, realm: Mapping[str, Any], identifiers: Mapping[str, str]) -> None:
    default = {scope["id"] for scope in admin.get_default_default_client_scopes()}
    optional = {scope["id"] for scope in admin.get_default_optional_client_scopes()}
    for name in realm["defaultDefaultClientScopes"]:
        scope_id = identifiers[name]
        if scope_id in optional:
            admin.delete_default_optional_client_scope(scope_id)
        if scope_id not in default:
            admin.add_default_default_client_scope(scope_id)
    for name in realm["defaultOptionalClientScopes"]:
        scope_id = identifiers[name]
        if scope_id in default:
            admin.delete_default_default_client_scope(scope_id)
        if scope_id not in optional:
            admin.add_default_optional_client_scope(scope_id)


def sync_registration(admin: KeycloakAdmin, realm: Mapping[str, Any]) -> None:
    """The registration policies, each known by its name and the kind of registration it is for."""
    parent = admin.get_realm(realm["realm"])["id"]
    for kind, components in realm["components"].items():
        present = {(c["name"], c["subType"]): c["id"] for c in admin.get_components({"type": kind, "parent": parent})}
        for component in components:
            payload = {**component, "providerType": kind, "parentId": parent}
            component_id = present.get((component["name"], component["subType"]))
            if component_id is None:
                admin.create_component(payload)
            else:
                admin.update_component(component_id, {**payload, "id": component_id})


def sync_client_policies(admin: KeycloakAdmin, realm: Mapping[str, Any]) -> None:
    """Client profiles and policies. Keycloak replaces each list whole, so others' entries are sent back as read."""
    for part, member in (("profiles", "clientProfiles"), ("policies", "clientPolicies")):
        path = f"admin/realms/{realm['realm']}/client-policies/{part}"
        wanted = realm[member][part]
        ours = {entry["name"] for entry in wanted}
        others = [entry for entry in admin.connection.raw_get(path).json()[part] if entry["name"] not in ours]
        admin.connection.raw_put(path, data=json.dumps({part: [*others, *wanted]}))

"""The files of ``infra/keycloak`` put together into one realm JSON, for the embedded stack and for deployment alike.

Pure: the same files and arguments give the same JSON. Only the public address and the users differ between the two.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gatelodge.core.secret import Secret
from gatelodge.core.urls import is_loopback, origin_of
from gatelodge.ops.realm.account import account
from gatelodge.ops.realm.files import (
    ClientPolicies,
    ClientScope,
    DeskAccount,
    RealmFile,
    RealmFilesInvalid,
    RegistrationPolicies,
    WebFile,
    read,
    read_scopes,
    read_servers,
)
from gatelodge.ops.realm.optional import predefined_clients
from gatelodge.ops.realm.placeholders import needed_by_import
from gatelodge.ops.realm.plan import remembered
from gatelodge.ops.realm.servers import client_scope, scopes_of
from gatelodge.ops.realm.services import service_clients
from gatelodge.ops.realm.sign_in import sign_in, user_profile
from gatelodge.ops.realm.things import REGISTRATION
from gatelodge.ops.realm.web import web_clients

__all__ = ["SeedUser", "refuse_master", "render_realm", "render_text"]


@dataclass(frozen=True, slots=True)
class SeedUser:
    """A user that a new realm starts with."""

    username: str
    email: str
    first_name: str
    last_name: str
    password: Secret


def render_realm(
    folder: Path,
    *,
    public_base: str,
    users: Sequence[SeedUser] = (),
    desk_secret: Secret | None = None,
    web_secret: Secret | None = None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The realm as Keycloak's RealmRepresentation; ``public_base`` is an origin such as ``https://mcp.example.com``.

    Without ``desk_secret`` or ``web_secret`` that client has a placeholder, which an import fills in. ``environment``:
    where the variables of sign-in by GitHub are, which is off without them.
    Raises: RealmFilesInvalid.
    """
    _check_base(public_base)
    file = read(folder / "realm.yaml", RealmFile)
    refuse_master(file.name)
    scopes = read_scopes(folder)
    servers = read_servers(folder)
    for server in servers:
        scopes |= scopes_of(server, public_base=public_base)
    tokens, services = service_clients(folder / "service-clients.yaml", servers, public_base=public_base)
    scopes |= tokens
    desk = account(read(folder / "desk.yaml", DeskAccount), desk_secret)
    web = web_clients(_web(folder), servers, public_base=public_base, secret=web_secret)
    predefined = predefined_clients(folder / "predefined-clients.yaml")
    realm: dict[str, Any] = {
        **file.settings,
        "realm": file.name,
        **_client_scopes(scopes),
        "components": {
            REGISTRATION: _registration(read(folder / "registration.yaml", RegistrationPolicies)),
            **user_profile(folder / "user-profile.yaml"),
        },
        **_client_policies(read(folder / "client-policies.yaml", ClientPolicies)),
        **desk.clients,
        "clients": [*desk.clients["clients"], *web, *services, *predefined],
        **sign_in(folder, environment or {}),
    }
    if is_loopback(urlsplit(public_base).hostname or ""):
        realm["browserSecurityHeaders"] = {**file.settings["browserSecurityHeaders"], "strictTransportSecurity": ""}
    realm["users"] = [desk.user]
    # So that a realm made by an import knows what these files made in it.
    realm["attributes"] = {**file.settings.get("attributes", {}), **remembered(realm)}
    realm["users"] += [_user(user, file.name) for user in users]
    return realm


def render_text(
    folder: Path, *, public_base: str, output: Path | None = None, environment: Mapping[str, str] | None = None
) -> tuple[str, tuple[str, ...]]:
    """The realm for a deployment, without people, as JSON text; also written to ``output`` if given.

    Also gives the variables that Keycloak's import needs. Raises: RealmFilesInvalid, OSError.
    """
    realm = render_realm(folder, public_base=public_base, environment=environment)
    needed = needed_by_import(realm)
    text = json.dumps(realm, indent=2, ensure_ascii=False) + "\n"
    if output is not None:
        output.write_text(text, encoding="utf-8")
    return text, needed


def refuse_master(name: str) -> None:
    """Raises: RealmFilesInvalid for Keycloak's own realm."""
    if name.lower() == "master":
        raise RealmFilesInvalid("the realm may not be 'master', which administers Keycloak: name another in realm.yaml")


def _web(folder: Path) -> WebFile:
    path = folder / "web.yaml"
    # Files that were exported have none.
    return (
        read(path, WebFile)
        if path.exists()
        else WebFile(client_id="gatelodge-web", description="Connected accounts; managed by gatelodge")
    )


def _check_base(public_base: str) -> None:
    parts = urlsplit(public_base)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username:
        raise RealmFilesInvalid(f"{public_base!r} is no public address (example: https://mcp.example.com)")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise RealmFilesInvalid(f"{public_base!r} must be https: tokens and codes go through it")
    if origin_of(public_base) != public_base or public_base != public_base.lower():
        raise RealmFilesInvalid(
            f"{public_base!r} must be scheme, host and port only, in lower case, without a slash at the end: "
            "each server's path comes from its file"
        )


def _client_scopes(scopes: Mapping[str, ClientScope]) -> dict[str, Any]:
    return {
        "clientScopes": [client_scope(name, scope) for name, scope in scopes.items()],
        "defaultDefaultClientScopes": [name for name, scope in scopes.items() if scope.assigned == "default"],
        "defaultOptionalClientScopes": [name for name, scope in scopes.items() if scope.assigned == "optional"],
        "scopeMappings": [
            {"clientScope": name, "roles": list(scope.roles)} for name, scope in scopes.items() if scope.roles
        ],
    }


def _registration(file: RegistrationPolicies) -> list[dict[str, Any]]:
    return [
        {
            "name": policy.name,
            "providerId": policy.provider,
            "subType": kind,
            "config": {key: _component_value(value) for key, value in policy.config.items()},
        }
        for policy in file.policies
        for kind in policy.kinds
    ]


def _component_value(value: bool | int | str | list[str]) -> list[str]:
    # Keycloak's component configuration knows lists of strings only.
    if isinstance(value, list):
        return value
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def _client_policies(file: ClientPolicies) -> dict[str, Any]:
    profiles = [
        {
            "name": profile.name,
            "description": profile.description,
            "executors": [{"executor": key, "configuration": value} for key, value in profile.executors.items()],
        }
        for profile in file.profiles
    ]
    policies = [
        {
            "name": policy.name,
            "description": policy.description,
            "enabled": True,
            "conditions": [{"condition": key, "configuration": value} for key, value in policy.conditions.items()],
            "profiles": list(policy.profiles),
        }
        for policy in file.policies
    ]
    return {"clientProfiles": {"profiles": profiles}, "clientPolicies": {"policies": policies}}


def _user(user: SeedUser, realm: str) -> dict[str, Any]:
    return {
        "username": user.username,
        "email": user.email,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "enabled": True,
        "emailVerified": True,
        # An imported user has no role by itself, and without the default roles no offline token.
        "realmRoles": [f"default-roles-{realm}"],
        "credentials": [{"type": "password", "value": user.password.reveal(), "temporary": False}],
    }

"""One step of a plan done in Keycloak, through python-keycloak and the Admin API for what it lacks.

Keycloak replaces most objects whole, so what it has is sent back with the fields of the step put in: what a person set
beside them stays. Not here: which steps, and in which order (``plan``),
and those of sign-in (``sign_in_steps``).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from keycloak import KeycloakAdmin

from gatelodge.ops.realm.account import REALM_MANAGEMENT
from gatelodge.ops.realm.connection import RealmRefused
from gatelodge.ops.realm.sign_in_steps import sign_in_steps
from gatelodge.ops.realm.step import Step, merged, present_of, wanted_of, without
from gatelodge.ops.realm.things import REGISTRATION, Thing

__all__ = ["Steps", "write_attributes"]

_Json = dict[str, Any]
_LISTS = {"client-profile": "profiles", "client-policy": "policies"}


def write_attributes(admin: KeycloakAdmin, realm: str, attributes: Mapping[str, str]) -> None:
    """Attributes of the realm; others stay."""
    kept = admin.get_realm(realm).get("attributes", {})
    admin.update_realm(realm, {"attributes": {**kept, **attributes}})


class Steps:
    """Does steps in the realm that ``present`` was read from; knows the ids of what it makes meanwhile."""

    def __init__(self, admin: KeycloakAdmin, present: Mapping[str, Any]) -> None:
        self._admin = admin
        self._realm: str = present["realm"]
        self._realm_id: str = present["id"]
        self._scopes = {scope["name"]: scope["id"] for scope in present["clientScopes"]}
        self._clients = {client["clientId"]: client["id"] for client in present["clients"]}
        self._by_kind: Mapping[str, Callable[[Step], None]] = {
            "realm": self._settings,
            "client-scope": self._client_scope,
            "client": self._client,
            "mapper": self._mapper,
            "scope-role": self._scope_role,
            "assignment": self._assignment,
            "rights": self._rights,
            "registration-policy": self._registration_policy,
            "client-profile": self._list_entry,
            "client-policy": self._list_entry,
            **sign_in_steps(admin, self._realm),
        }

    def do(self, step: Step) -> None:
        """One step. Raises: RealmRefused."""
        # What is remembered is written after the last step, by `apply`.
        if step.kind != "memory":
            self._by_kind[step.kind](step)

    def _settings(self, step: Step) -> None:
        fresh = self._admin.get_realm(self._realm)
        names = {change.name.partition(".")[0] for change in step.changes}
        self._admin.update_realm(self._realm, {name: merged(fresh, step)[name] for name in names})

    def _client_scope(self, step: Step) -> None:
        name = step.name
        if step.action == "delete":
            self._admin.delete_client_scope(self._scopes.pop(name))
            return
        # Its mappers, roles and assignment are things of their own.
        if step.action == "create":
            self._scopes[name] = self._admin.create_client_scope(without(wanted_of(step).source, "protocolMappers"))
        else:
            changed = without(merged(present_of(step).source, step), "protocolMappers")
            self._admin.update_client_scope(self._scopes[name], changed)

    def _assignment(self, step: Step) -> None:
        scope_id = self._scopes[step.name]
        before = present_of(step).fields["assigned"] if step.present else None
        after = wanted_of(step).fields["assigned"] if step.wanted else None
        if before == "default":
            self._admin.delete_default_default_client_scope(scope_id)
        elif before == "optional":
            self._admin.delete_default_optional_client_scope(scope_id)
        if after == "default":
            self._admin.add_default_default_client_scope(scope_id)
        elif after == "optional":
            self._admin.add_default_optional_client_scope(scope_id)

    def _client(self, step: Step) -> None:
        if step.action == "delete":
            self._admin.delete_client(self._clients.pop(step.name))
        elif step.action == "create":
            self._create_client(step)
        elif step.action == "update":
            members = {change.name.partition(".")[0] for change in step.changes}
            source = present_of(step).source
            changed = {name: value for name, value in merged(source, step).items() if name in members}
            # Left out, Keycloak would make the web origins from the redirect URIs.
            kept = {"id": source["id"], "clientId": step.name, "webOrigins": source.get("webOrigins", [])}
            self._admin.update_client(source["id"], {**kept, **changed})
            # Its scopes are not part of its update.
            for kind in ("default", "optional"):
                if f"{kind}ClientScopes" in changed:
                    has = source.get(f"{kind}ClientScopes") or ()
                    self._move(source["id"], kind, has, changed[f"{kind}ClientScopes"])
        else:
            self._patch(step)

    def _create_client(self, step: Step) -> None:
        wanted = wanted_of(step).source
        made = self._clients[step.name] = self._admin.create_client(without(wanted, "protocolMappers"))
        # Keycloak may have a scope of its own for every account.
        if "defaultClientScopes" in wanted:
            for scope in self._admin.get_client_default_client_scopes(made):
                if scope["name"] not in wanted["defaultClientScopes"]:
                    self._admin.delete_client_default_client_scope(made, scope["id"])

    def _patch(self, step: Step) -> None:
        identifier = present_of(step).identifier
        try:
            for change in step.changes:
                name = change.name.removeprefix("scope ")
                if change.before is not None and change.after is not None:
                    self._move(identifier, change.before, [name], [])
                # A deleted scope leaves its clients by itself.
                if change.after is not None:
                    self._move(identifier, change.after, [], [name])
        except RealmRefused as refusal:
            # Clients come and go meanwhile: one that is gone needs nothing.
            if refusal.answered != 404 or self._admin.get_client_id(step.name) is not None:
                raise

    def _move(self, client: str, kind: str, before: Iterable[str], after: Iterable[str]) -> None:
        default = kind == "default"
        remove = self._admin.delete_client_default_client_scope if default else None
        for name in set(before) - set(after):
            (remove or self._admin.delete_client_optional_client_scope)(client, self._scopes[name])
        add = self._admin.add_client_default_client_scope if default else self._admin.add_client_optional_client_scope
        for name in set(after) - set(before):
            add(client, self._scopes[name], {})

    def _mapper(self, step: Step) -> None:
        thing = step.wanted or present_of(step)
        assert thing.parent is not None, "a mapper belongs to something"  # noqa: S101 - for the types
        place, owner = self._place_of(thing)
        path = f"admin/realms/{self._realm}/{place}/{owner}/protocol-mappers/models"
        if step.action == "create":
            self._admin.connection.raw_post(path, data=json.dumps(dict(thing.source)))
            return
        path = f"{path}/{present_of(step).identifier}"
        if step.action == "delete":
            self._admin.connection.raw_delete(path)
        else:
            self._admin.connection.raw_put(path, data=json.dumps(merged(present_of(step).source, step)))

    def _place_of(self, thing: Thing) -> tuple[str, str]:
        kind, name = thing.parent or ("client-scope", "")
        return ("clients", self._clients[name]) if kind == "client" else ("client-scopes", self._scopes[name])

    def _scope_role(self, step: Step) -> None:
        thing = step.wanted or present_of(step)
        place, owner = self._place_of(thing)
        path = f"admin/realms/{self._realm}/{place}/{owner}/scope-mappings/realm"
        send = self._admin.connection.raw_delete if step.action == "delete" else self._admin.connection.raw_post
        send(path, data=json.dumps([self._admin.get_realm_role(thing.fields["role"])]))

    def _rights(self, step: Step) -> None:
        account, management = self._clients[step.name], self._clients[REALM_MANAGEMENT]
        user = self._admin.get_client_service_account_user(account)["id"]
        wanted = wanted_of(step).fields
        held = self._admin.get_client_roles_of_user(user, management)
        carried = self._admin.get_client_roles_of_client_scope(account, management)
        if surplus := [role for role in held if role["name"] not in wanted["held"]]:
            self._admin.delete_client_roles_of_user(user, management, surplus)
        if surplus := [role for role in carried if role["name"] not in wanted["in tokens"]]:
            self._admin.delete_client_roles_of_client_scope(account, management, surplus)
        roles = {
            name: self._admin.get_client_role(management, name) for name in {*wanted["held"], *wanted["in tokens"]}
        }
        self._admin.assign_client_role(user, management, [roles[name] for name in wanted["held"]])
        carry = [roles[name] for name in wanted["in tokens"]]
        self._admin.assign_client_roles_to_client_scope(account, management, carry)

    def _registration_policy(self, step: Step) -> None:
        if step.action == "delete":
            self._admin.delete_component(present_of(step).identifier)
            return
        kept = {"providerType": REGISTRATION, "parentId": self._realm_id}
        if step.action == "create":
            self._admin.create_component({**wanted_of(step).source, **kept})
        else:
            self._admin.update_component(present_of(step).identifier, {**merged(present_of(step).source, step), **kept})

    def _list_entry(self, step: Step) -> None:
        """A client profile or policy. Keycloak replaces the list whole, so others' entries are sent back as read."""
        part = _LISTS[step.kind]
        path = f"admin/realms/{self._realm}/client-policies/{part}"
        entries = self._admin.connection.raw_get(path).json()[part]
        others = [entry for entry in entries if entry["name"] != step.name]
        if step.action == "create":
            others.append(dict(wanted_of(step).source))
        elif step.action == "update":
            others.append(merged(present_of(step).source, step))
        self._admin.connection.raw_put(path, data=json.dumps({part: others}))

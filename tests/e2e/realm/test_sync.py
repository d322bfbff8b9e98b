"""Bringing a running realm up to date: what the files made changes in place, what people made stays."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gatelodge.core.secret import Secret
from gatelodge.ops.link.oauth_steps import registration_body
from gatelodge.ops.realm.apply import RealmRefused
from gatelodge.ops.realm.memory import MADE, STAMP
from gatelodge.ops.realm.render import SeedUser, render_realm
from gatelodge.ops.realm.servers import MANAGED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keycloak import KeycloakAdmin

    from e2e.realm.conftest import Stack, Visitor

pytestmark = pytest.mark.stack

READ = "deep-research:read"
NAME = "gatelodge-sync-test"
BASE = "https://localhost:7443"
POLICIES = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"


async def test_a_linked_client_survives_a_change_of_the_public_port(
    visitor: Visitor, stack: Stack, realm_files: Path, desk_secret: Secret
) -> None:
    now = render_realm(realm_files, public_base=stack.public_base, desk_secret=desk_secret)
    moved = render_realm(realm_files, public_base="https://localhost:1", desk_secret=desk_secret)
    assert stack.admin.ensure(now) == "unchanged"
    client = await visitor.client()
    tokens = await visitor.tokens(client, READ, "offline_access")
    try:
        assert stack.admin.ensure(moved) == "updated"
        tokens = await visitor.refresh(client, tokens.refresh_token)
        assert tokens.claims()["aud"] == "https://localhost:1/mcp"
    finally:
        assert stack.admin.ensure(now) == "updated"
    tokens = await visitor.refresh(client, tokens.refresh_token)
    assert tokens.claims()["aud"] == stack.mcp_url


def test_a_realm_is_created_once_and_then_left_alone(stack: Stack, sibling: Path) -> None:
    realm = render_realm(sibling, public_base=BASE)
    assert [stack.admin.ensure(realm) for _ in range(3)] == ["created", "unchanged", "unchanged"]


def test_a_synced_realm_is_the_same_as_a_new_one(stack: Stack, sibling: Path) -> None:
    keycloak = stack.admin.keycloak
    stack.admin.ensure(render_realm(sibling, public_base=BASE))
    new = _content(keycloak)
    keycloak.delete_realm(NAME)
    # The poorest start: a realm that Keycloak filled with its defaults.
    keycloak.create_realm({"realm": NAME, "enabled": True})
    assert stack.admin.ensure(render_realm(sibling, public_base=BASE)) == "updated"
    synced = _content(keycloak)
    for name, scope in new["scopes"].items():
        # What was there before is not marked as made here, so that it is never deleted.
        marks = {MANAGED} if name in DEFAULTS else set()
        assert synced["scopes"][name]["attributes"].keys() == scope["attributes"].keys() - marks
        assert synced["scopes"][name]["attributes"].items() <= scope["attributes"].items()
        # Mappers of others stay: nothing tells Keycloak's from a person's.
        assert synced["scopes"][name]["mappers"].items() >= scope["mappers"].items()
    assert synced["policies"] == new["policies"]
    assert synced["client policies"] == new["client policies"]
    assert synced["settings"] == new["settings"]
    assert new["default"] <= synced["default"]
    assert new["optional"] <= synced["optional"]
    assert synced["offline roles"] == new["offline roles"] == ["offline_access"]


def test_what_a_person_added_stays(stack: Stack, sibling: Path) -> None:
    keycloak = stack.admin.keycloak
    stack.admin.ensure(render_realm(sibling, public_base=BASE))
    scope_id = keycloak.create_client_scope({"name": "theirs", "protocol": "openid-connect"})
    keycloak.add_default_optional_client_scope(scope_id)
    component = {"name": "Theirs", "providerId": "client-disabled", "subType": "anonymous", "providerType": POLICIES}
    keycloak.create_component(component)
    path = f"admin/realms/{NAME}/client-policies/profiles"
    profiles = keycloak.connection.raw_get(path).json()["profiles"]
    theirs = {"name": "theirs", "executors": [{"executor": "secure-session", "configuration": {}}]}
    keycloak.connection.raw_put(path, data=json.dumps({"profiles": [*profiles, theirs]}))
    keycloak.update_realm(NAME, {"attributes": {**keycloak.get_realm(NAME)["attributes"], "theirs": "kept"}})

    assert stack.admin.ensure(render_realm(sibling, public_base="https://localhost:7444")) == "updated"

    content = _content(keycloak)
    assert "theirs" in content["scopes"]
    assert "theirs" in content["optional"]
    assert ("Theirs", "anonymous") in content["policies"]
    assert "theirs" in {profile["name"] for profile in content["client policies"]["profiles"]}
    assert keycloak.get_realm(NAME)["attributes"]["theirs"] == "kept"


def test_a_server_that_is_gone_takes_its_scopes_along_and_a_new_one_brings_its_own(stack: Stack, sibling: Path) -> None:
    keycloak = stack.admin.keycloak
    stack.admin.ensure(render_realm(sibling, public_base=BASE))
    file = sibling / "servers" / "deep-research.yaml"
    file.rename(sibling / "servers" / "notes.yaml")
    (sibling / "servers" / "notes.yaml").write_text("{name: notes, path: /notes/mcp, scopes: {read: Read your notes}}")
    assert stack.admin.ensure(render_realm(sibling, public_base=BASE)) == "updated"
    content = _content(keycloak)
    assert "notes:read" in content["optional"]
    assert not [name for name in content["scopes"] if name.startswith("deep-research:")]
    mappers = content["scopes"]["notes:read"]["mappers"]
    assert mappers["audience"]["included.custom.audience"] == f"{BASE}/notes/mcp"


def test_a_scope_that_changes_its_list_is_moved(stack: Stack, sibling: Path) -> None:
    stack.admin.ensure(render_realm(sibling, public_base=BASE))
    for assigned, other in (("default", "optional"), ("optional", "default")):
        _edit(sibling / "scopes.yaml", lambda scopes, to=assigned: scopes["email"].update(assigned=to))
        assert stack.admin.ensure(render_realm(sibling, public_base=BASE)) == "updated"
        content = _content(stack.admin.keycloak)
        assert "email" in content[assigned]
        assert "email" not in content[other]


def test_users_are_made_when_missing_and_never_changed(stack: Stack, sibling: Path) -> None:
    keycloak = stack.admin.keycloak
    ada = SeedUser("ada", "ada@example.com", "Ada", "Lovelace", Secret("first-password-of-ada"))
    stack.admin.ensure(render_realm(sibling, public_base=BASE, users=[ada]))
    changed = SeedUser("ada", "other@example.com", "Other", "Name", Secret("other-password-of-ada"))
    bob = SeedUser("bob", "bob@example.com", "Bob", "Builder", Secret("first-password-of-bob"))
    assert stack.admin.ensure(render_realm(sibling, public_base=BASE, users=[changed])) == "unchanged"
    assert stack.admin.ensure(render_realm(sibling, public_base=BASE, users=[changed, bob])) == "updated"
    assert stack.admin.ensure(render_realm(sibling, public_base=BASE, users=[changed, bob])) == "unchanged"
    users = {user["username"]: user for user in keycloak.get_users({})}
    assert users["ada"]["email"] == "ada@example.com"
    for user in users.values():
        roles = keycloak.get_realm_roles_of_user(user["id"])
        assert [role["name"] for role in roles] == [f"default-roles-{NAME}"]


def test_a_sync_that_was_cut_off_is_done_again(stack: Stack, sibling: Path) -> None:
    realm = render_realm(sibling, public_base=BASE)
    stack.admin.ensure(realm)
    broken = render_realm(sibling, public_base="https://localhost:7444")
    for policy in broken["components"][POLICIES]:
        policy["config"] |= {key: ["false"] for key in policy["config"] if key.endswith("must-match")}
    with pytest.raises(RealmRefused, match=r"PUT /admin/realms/.*/components/.*: status 400: At least one of hosts"):
        stack.admin.ensure(broken)
    assert stack.admin.keycloak.get_realm(NAME)["attributes"][STAMP] == "unfinished"
    assert stack.admin.ensure(realm) == "updated"
    assert stack.admin.ensure(realm) == "unchanged"


async def test_a_client_of_the_realm_is_removed_by_its_client_id(visitor: Visitor, stack: Stack, sibling: Path) -> None:
    stack.admin.ensure(render_realm(sibling, public_base=BASE))
    answer = await visitor.post(registration_body("http://127.0.0.1/callback"), realm=NAME)
    client_id = answer.json_object()["client_id"]
    stack.admin.delete_client(client_id)
    assert stack.admin.keycloak.get_client_id(client_id) is None
    stack.admin.delete_client(client_id)


@pytest.fixture
def sibling(stack: Stack, realm_files: Path, tmp_path: Path) -> Iterator[Path]:
    """The same files for a realm of this test's own, which is removed at the end (and before, if a run was cut off)."""
    folder = tmp_path / "keycloak"
    shutil.copytree(realm_files, folder)
    _edit(folder / "realm.yaml", lambda realm: realm.update(name=NAME))
    _remove(stack.admin.keycloak)
    yield folder
    _remove(stack.admin.keycloak)
    stack.admin.keycloak.change_current_realm("mcp")


def _remove(keycloak: KeycloakAdmin) -> None:
    if NAME in {realm["realm"] for realm in keycloak.get_realms()}:
        keycloak.delete_realm(NAME)


def _edit(file: Path, change: Any) -> None:
    content = yaml.safe_load(file.read_text())
    change(content)
    file.write_text(yaml.safe_dump(content))


def _content(keycloak: KeycloakAdmin) -> dict[str, Any]:
    """The realm without the identifiers that Keycloak makes up."""
    scopes = keycloak.get_client_scopes()
    components = keycloak.get_components({"type": POLICIES})
    realm = keycloak.get_realm(NAME)
    # A realm that was there first has less in it that was made here.
    realm["attributes"].pop(MADE)
    offline = next(scope["id"] for scope in scopes if scope["name"] == "offline_access")
    roles = keycloak.connection.raw_get(f"admin/realms/{NAME}/client-scopes/{offline}/scope-mappings/realm").json()
    return {
        "scopes": {
            scope["name"]: {
                # An empty text is the same as none.
                "attributes": {key: value for key, value in scope.get("attributes", {}).items() if value},
                "mappers": {m["name"]: m["config"] for m in scope.get("protocolMappers", [])},
            }
            for scope in scopes
        },
        "default": {scope["name"] for scope in keycloak.get_default_default_client_scopes()},
        "optional": {scope["name"] for scope in keycloak.get_default_optional_client_scopes()},
        "policies": {
            (c["name"], c["subType"]): {key: sorted(value) for key, value in c["config"].items()} for c in components
        },
        "client policies": {key: realm[member][key] for key, member in _CLIENT_POLICIES},
        "offline roles": [role["name"] for role in roles],
        "settings": {key: value for key, value in realm.items() if key not in _MADE_UP},
    }


# Client scopes that Keycloak makes in every realm.
DEFAULTS = {"basic", "acr", "email", "profile", "offline_access"}
_CLIENT_POLICIES = (("profiles", "clientProfiles"), ("policies", "clientPolicies"))
_MADE_UP = {"id", "defaultRole"}

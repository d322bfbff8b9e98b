"""Realm as code against a real Keycloak: numbered steps in a realm of its own, and what people made beside it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from failing_proxy import FailingProxy
from native_stack import gatelodge
from realm_steps import expected, patch, steps, take

from gatelodge.core.secret import Secret
from gatelodge.ops.realm.apply import RealmAdmin, RealmConflict, RealmUnfinished
from gatelodge.ops.realm.diff import render_plan, render_step
from gatelodge.ops.realm.placeholders import filled_in
from gatelodge.ops.realm.plan import remembered
from gatelodge.ops.realm.render import render_realm
from gatelodge.registration.marks import MADE_BY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.realm.conftest import Stack

pytestmark = pytest.mark.stack

NAME = "mcp-steps"
BASE = "https://localhost:7443"
NOTES = "{name: notes, path: /notes/mcp, scopes: {read: Read your notes}}"
SECRET = Secret("a-secret-of-the-desk-that-only-this-test-has")
POLICIES = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"


class Place:
    """The realm's files, and the administrator of a realm that holds only what this module puts into it."""

    def __init__(self, admin: RealmAdmin, files: Path) -> None:
        self.admin = admin
        self.files = files
        self.environment: dict[str, str] = {}

    @property
    def wanted(self) -> dict[str, Any]:
        return render_realm(self.files, public_base=BASE, desk_secret=SECRET)

    def plan(self, **options: Any) -> list[str]:
        """The plan's lines, without the fields."""
        plan = self.admin.plan(self.wanted, environment=self.environment, **options)
        assert not [secret for secret in self.environment.values() if secret in render_plan(plan)]
        return [*(f"! {conflict}" for conflict in plan.conflicts), *map(render_step, plan.steps)]

    def apply(self, **options: Any) -> None:
        self.admin.apply(self.wanted, environment=self.environment, **options)

    def make(self) -> None:
        """The realm as the files say, without the keys that take Keycloak seconds to make."""
        wanted = filled_in(self.wanted, self.environment)
        keys = [{"name": "hmac", "providerId": "hmac-generated", "config": {"priority": ["100"]}}]
        components = {**wanted["components"], "org.keycloak.keys.KeyProvider": keys}
        attributes = {**wanted["attributes"], **remembered(wanted)}
        self.admin.keycloak.create_realm({**wanted, "components": components, "attributes": attributes})
        assert self.plan() == []

    def events(self) -> int:
        """How many changes Keycloak has noted in this realm."""
        path = f"admin/realms/{NAME}/admin-events"
        return len(self.admin.keycloak.connection.raw_get(path, max="5000").json())

    def client(self, client_id: str, **attributes: str) -> str:
        """A client that registered, with marks, or that a person made, without."""
        made: str = self.admin.keycloak.create_client(
            {"clientId": client_id, "publicClient": True, "redirectUris": [], "attributes": attributes}
        )
        return made

    def scopes(self, client_id: str, kind: str = "optional") -> set[str]:
        keycloak = self.admin.keycloak
        identifier = keycloak.get_client_id(client_id)
        assert identifier is not None
        return set(keycloak.get_client(identifier)[f"{kind}ClientScopes"])


def cut_off(admin: RealmAdmin, wanted: dict[str, Any]) -> RealmUnfinished | None:
    """What stopped an apply; None when it came to its end."""
    try:
        admin.apply(wanted)
    except RealmUnfinished as stopped:
        return stopped
    return None


def test_each_step_does_what_it_says_and_a_second_time_nothing(place: Place) -> None:
    for step in steps():
        take(step, place.files, place.environment)
        assert place.plan() == expected(step), step.name
        place.apply()
        events = place.events()
        assert place.plan() == [], step.name
        place.apply()
        assert place.events() == events, f"{step.name}: a second apply wrote something"
        assert place.admin.ensure(place.wanted, environment=place.environment) == "unchanged"
        if step.name.startswith("01-"):
            place.client("registered", **{MADE_BY: "dcr"})
            place.client("of-a-person")
            untouched = place.scopes("of-a-person")
        if step.name.startswith("08-"):
            assert {"notes:read", "notes:write"} <= place.scopes("registered")
            assert "email" in place.scopes("registered", "default")
            assert "email" not in place.scopes("registered")
            assert place.scopes("of-a-person") == untouched
            assert {"notes:read", "profile"} <= place.scopes("chatgpt-office")
            (google,) = place.admin.keycloak.get_idps()
            assert google["config"]["hostedDomain"] == "example.com"
    assert not {"notes:read", "notes:write"} & place.scopes("registered")
    assert place.admin.keycloak.get_idps() == []


def test_what_people_made_or_took_away_stays_so(place: Place) -> None:
    keycloak = place.admin.keycloak
    place.make()
    registered = place.client("registered", **{MADE_BY: "cimd"})
    (write,) = (scope["id"] for scope in keycloak.get_client_scopes() if scope["name"] == "deep-research:write")
    keycloak.delete_client_optional_client_scope(registered, write)
    theirs = keycloak.create_client_scope({"name": "theirs:read", "protocol": "openid-connect"})
    keycloak.add_default_optional_client_scope(theirs)
    mapper = {"name": "theirs", "protocol": "openid-connect", "protocolMapper": "oidc-sub-mapper", "config": {}}
    keycloak.add_mapper_to_client_scope(write, mapper)
    keycloak.create_component(
        {"name": "Theirs", "providerId": "client-disabled", "subType": "anonymous", "providerType": POLICIES}
    )
    keycloak.create_idp({"alias": "theirs", "providerId": "github", "config": {"clientId": "x", "clientSecret": "y"}})
    place.client("theirs")
    keycloak.update_realm(NAME, {"loginTheme": "keycloak", "accessTokenLifespan": 3600})

    drift = place.admin.drift(place.wanted)
    assert [(step.kind, step.name) for step in drift.changed] == [("realm", NAME)]
    assert [(change.name, change.before, change.after) for change in drift.changed[0].changes] == [
        ("accessTokenLifespan", 3600, 300)
    ]
    assert {str(key) for key in drift.added} == {
        "client-scope/theirs:read",
        "mapper/deep-research:write/theirs",
        "registration-policy/Theirs (anonymous)",
        "identity-provider/theirs",
        "client/theirs",
    }
    (place.files / "servers" / "notes.yaml").write_text(NOTES)
    assert {step.reason for step in place.admin.drift(place.wanted).pending} == {
        "new in the files",
        "registered before the scopes changed",
    }
    place.apply()
    (place.files / "servers" / "notes.yaml").unlink()
    place.apply()

    assert not place.admin.drift(place.wanted).differs
    assert place.admin.drift(place.wanted).added == drift.added
    assert keycloak.get_realm(NAME)["loginTheme"] == "keycloak"
    assert keycloak.get_realm(NAME)["accessTokenLifespan"] == 300
    assert "deep-research:write" not in place.scopes("registered"), "given back, though a person took it away"
    assert place.plan(all_clients=True)[0].startswith("~ patch client registered")
    place.apply(all_clients=True)
    assert "deep-research:write" in place.scopes("registered")
    assert place.plan(all_clients=True) == []


def test_a_persons_client_or_identity_provider_is_never_taken_over(place: Place) -> None:
    place.make()
    place.client("chatgpt-office")
    (place.files / "predefined-clients.yaml").write_text("chatgpt-office: {product: chatgpt}")
    (place.files / "servers" / "notes.yaml").write_text(NOTES)
    events = place.events()
    assert place.plan()[0].startswith("! client chatgpt-office: is there, and these files did not make it")
    with pytest.raises(RealmConflict, match="chatgpt-office"):
        place.apply()
    assert place.events() == events


def test_the_placeholder_of_an_import_is_not_left_as_the_desks_secret(place: Place) -> None:
    place.make()
    keycloak = place.admin.keycloak
    desk = keycloak.get_client_id("gatelodge-desk")
    assert desk is not None
    keycloak.update_client(desk, {"clientId": "gatelodge-desk", "secret": "${GATELODGE_DESK_SECRET}"})
    without = render_realm(place.files, public_base=BASE)
    (conflict,) = place.admin.plan(without, environment={}).conflicts
    assert "which anyone can know" in conflict
    with pytest.raises(RealmConflict):
        place.admin.apply(without, environment={})
    place.admin.apply(without, environment={"GATELODGE_DESK_SECRET": SECRET.reveal()})
    assert keycloak.get_client(desk)["secret"] == SECRET.reveal()


@pytest.mark.parametrize("dies", [False, True], ids=["refuses", "dies"])
def test_an_apply_that_is_cut_off_after_any_change_is_finished_by_the_next_ones(
    place: Place, stack: Stack, dies: bool
) -> None:
    place.make()
    place.client("registered", **{MADE_BY: "dcr"})
    (place.files / "servers" / "notes.yaml").write_text(NOTES)
    patch(place.files / "scopes.yaml", {"email.assigned": "default"})
    patch(place.files / "client-policies.yaml", {"profiles.0.description": "Another text"})
    steps_to_do, cuts = len(place.plan()), 0
    with FailingProxy(stack.keycloak_url) as proxy:
        admin = RealmAdmin(proxy.url, stack.internal["admin"]["username"], Secret(stack.internal["admin"]["password"]))
        while True:
            # One write notes what is about to be made; so each run gets one change further.
            proxy.allow(2, dies=dies)
            stopped = cut_off(admin, place.wanted)
            if stopped is None:
                break
            assert "is marked unfinished" in stopped.detail
            assert stopped.answered == (0 if dies else 503)
            cuts += 1
            assert place.plan() != [], "what is unfinished is seen"
            assert cuts < 3 * steps_to_do, "no progress"
        admin.close()
    assert cuts >= steps_to_do - 1
    assert place.plan() == []
    assert "notes:read" in place.scopes("registered")
    assert "email" in place.scopes("registered", "default")
    (place.files / "servers" / "notes.yaml").unlink()
    place.apply()
    assert "notes:read" not in {scope["name"] for scope in place.admin.keycloak.get_client_scopes()}


def test_an_exported_realm_plans_to_nothing_and_says_what_it_left_out(place: Place, tmp_path: Path) -> None:
    for step in list(steps())[:8]:
        take(step, place.files, place.environment)
    place.make()
    place.client("theirs")
    place.client("registered", **{MADE_BY: "dcr"})
    unsaid = place.admin.export(place.wanted, tmp_path / "exported", public_base=BASE)
    assert "client theirs" in unsaid
    assert [line for line in unsaid if "registered" in line] == [
        "1 clients that registered, or were made by gatelodge clients add"
    ]
    written = "".join(path.read_text() for path in (tmp_path / "exported").rglob("*.yaml"))
    assert not [secret for secret in (*place.environment.values(), SECRET.reveal()) if secret in written]
    again = render_realm(tmp_path / "exported", public_base=BASE, desk_secret=SECRET)
    environment = {
        "GOOGLE_CLIENT_SECRET": place.environment["STEPS_GOOGLE_SECRET"],
        "OFFICE_TOOL_CLIENT_SECRET": place.environment["STEPS_TOOL_SECRET"],
    }
    plan = place.admin.plan(again, environment=environment)
    assert [step.kind for step in plan.steps] in ([], ["memory"]), render_plan(plan)


def test_the_command_says_by_its_exit_code_whether_the_running_stack_differs(
    stack: Stack, realm_files: Path, tmp_path: Path
) -> None:
    for action in ("plan", "drift"):
        asked = gatelodge("realm", action, state=stack.state)
        assert (asked.returncode, asked.stderr) == (0, ""), asked.stdout
    files = shutil.copytree(realm_files, tmp_path / "keycloak")
    patch(files / "realm.yaml", {"settings.accessTokenLifespan": 240})
    asked = gatelodge("realm", "plan", "--folder", str(files), state=stack.state)
    assert (asked.returncode, "accessTokenLifespan: 300 -> 240" in asked.stdout) == (4, True)


@pytest.fixture
def place(stack: Stack, realm_files: Path, tmp_path: Path) -> Iterator[Place]:
    """The realm's files for a realm of this module's own, which is not there yet and is removed at the end."""
    files = shutil.copytree(realm_files, tmp_path / "keycloak")
    patch(files / "realm.yaml", {"name": NAME})
    account = stack.internal["admin"]
    admin = RealmAdmin(stack.keycloak_url, account["username"], Secret(account["password"]), realm=NAME)
    _remove(admin)
    yield Place(admin, files)
    _remove(admin)
    admin.close()


def _remove(admin: RealmAdmin) -> None:
    if NAME in {realm["realm"] for realm in admin.keycloak.get_realms()}:
        admin.keycloak.delete_realm(NAME)

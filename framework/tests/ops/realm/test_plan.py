"""The pure plan: what follows from two realms and what is remembered, and what is never done."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatelodge.core.secret import Secret
from gatelodge.ops.realm.diff import plan_document, render_plan
from gatelodge.ops.realm.drift import find_drift
from gatelodge.ops.realm.export import ExportRefused, export_realm
from gatelodge.ops.realm.files import RealmFilesInvalid
from gatelodge.ops.realm.memory import MADE, MEMORY, STAMP
from gatelodge.ops.realm.placeholders import filled_in, needed_by_import
from gatelodge.ops.realm.plan import Plan, make_plan, remembered
from gatelodge.ops.realm.render import render_realm
from gatelodge.registration.marks import MADE_BY

BASE = "https://mcp.example.com"
DESK = "gatelodge-desk"
SECRET = "a-secret-of-the-desk"
Change = Callable[[str, Callable[[Any], None]], Path]


@pytest.fixture
def realm(realm_files: Path) -> dict[str, Any]:
    return rendered(realm_files)


def rendered(folder: Path) -> dict[str, Any]:
    return render_realm(folder, public_base=BASE, desk_secret=Secret(SECRET))


def as_applied(realm: dict[str, Any]) -> dict[str, Any]:
    """The realm as Keycloak holds it after an apply, near enough for what is pure."""
    present = copy.deepcopy(realm)
    present["attributes"] |= remembered(realm)
    return present


def plan(wanted: dict[str, Any], present: dict[str, Any] | None, **options: Any) -> Plan:
    return make_plan(wanted, present, account=DESK, **options)


def lines(found: Plan) -> list[str]:
    return [f"{step.action} {step.kind} {step.name}" for step in found.steps]


def client(client_id: str, *optional: str, **attributes: str) -> dict[str, Any]:
    return {
        "id": client_id,
        "clientId": client_id,
        "standardFlowEnabled": True,
        "optionalClientScopes": list(optional),
        "attributes": attributes,
    }


def test_a_realm_that_was_just_applied_needs_nothing(realm: dict[str, Any]) -> None:
    assert plan(realm, as_applied(realm)).empty
    assert render_plan(plan(realm, as_applied(realm))) == "realm mcp: nothing to do"


def test_a_realm_that_is_not_there_is_made_whole(realm: dict[str, Any]) -> None:
    assert lines(plan(realm, None)) == ["create realm mcp"]


def test_a_scope_is_assigned_only_when_it_is_complete(realm: dict[str, Any]) -> None:
    present = as_applied(realm)
    present["clientScopes"] = [one for one in present["clientScopes"] if one["name"] != "offline_access"]
    present["scopeMappings"] = []
    present["defaultOptionalClientScopes"].remove("offline_access")
    assert lines(plan(realm, present)) == [
        "create client-scope offline_access",
        "create scope-role offline_access/offline_access",
        "create assignment offline_access",
    ]


def test_only_what_was_made_here_is_deleted(realm: dict[str, Any], changed: Change) -> None:
    present = as_applied(realm)
    theirs = {"name": "theirs", "protocol": "openid-connect", "attributes": {}}
    present["clientScopes"].append(theirs)
    present["clientProfiles"]["profiles"].append({"name": "theirs", "executors": []})
    less = rendered(changed("scopes.yaml", lambda scopes: scopes.pop("email")))
    assert lines(plan(less, present)) == ["delete client-scope email"]
    # Someone removed ours and made another one of that name.
    for scope in present["clientScopes"]:
        if scope["name"] == "email":
            scope["attributes"] = {}
    assert not [line for line in lines(plan(less, present)) if "client-scope" in line]


def test_a_realm_without_memory_loses_nothing_but_marked_client_scopes(realm: dict[str, Any], changed: Change) -> None:
    present = as_applied(realm)
    present["attributes"] = {k: v for k, v in present["attributes"].items() if k not in MEMORY}
    less = rendered(changed("client-policies.yaml", lambda file: file.update(profiles=[], policies=[])))
    assert [line for line in lines(plan(less, present)) if line.startswith("delete")] == []
    present["attributes"][STAMP] = "of an older release"
    assert lines(plan(realm, present)) == ["update memory mcp"]


def test_a_difference_names_who_made_it(realm: dict[str, Any], changed: Change) -> None:
    present = as_applied(realm)
    present["accessTokenLifespan"] = 3600
    (step,) = plan(realm, present).steps
    assert (step.reason, [change.shown() for change in step.changes]) == ("changed in Keycloak", [(3600, 300)])
    drift = find_drift(realm, present, plan(realm, present), account=DESK)
    assert (len(drift.changed), drift.pending, drift.differs) == (1, (), True)
    other = rendered(changed("realm.yaml", lambda file: file["settings"].update(accessTokenLifespan=60)))
    assert plan(other, as_applied(realm)).steps[0].reason == "changed in the files"


def test_clients_of_the_desk_get_new_scopes_once_and_a_persons_only_when_asked_for(
    realm: dict[str, Any], copied: Path
) -> None:
    (copied / "servers" / "notes.yaml").write_text("{name: notes, path: /notes, scopes: {read: Read notes}}")
    more = rendered(copied)
    present = as_applied(realm)
    present["clients"] += [client("registered", **{MADE_BY: "dcr"}), client("theirs"), client("account")]
    patched = [step for step in plan(more, present).steps if step.action == "patch-client"]
    assert [(step.name, [change.name for change in step.changes]) for step in patched] == [
        ("registered", ["scope notes:read"])
    ]
    everyone = plan(more, present, all_clients=True).steps
    assert [step.name for step in everyone if step.action == "patch-client"] == ["registered", "theirs"]
    later = as_applied(more)
    later["clients"] += [client("registered", **{MADE_BY: "dcr"})]
    assert plan(more, later).empty


def test_a_client_of_a_person_is_in_the_way_and_not_taken_over(realm: dict[str, Any], copied: Path) -> None:
    (copied / "predefined-clients.yaml").write_text("chatgpt: {product: chatgpt}")
    present = as_applied(realm)
    present["clients"].append(client("chatgpt"))
    found = plan(rendered(copied), present)
    assert "update client chatgpt" not in lines(found)
    assert len(found.conflicts) == 1


def test_no_secret_is_in_a_plan(realm: dict[str, Any], copied: Path) -> None:
    present = as_applied(realm)
    for one in present["clients"]:
        one["secret"] = "the-secret-before"
    (copied / "identity-providers.yaml").write_text("google: {provider: google, secret: {env: G}}")
    found = plan(filled_in(rendered(copied), {"G": "of-the-provider"}), present)
    text = render_plan(found) + json.dumps(plan_document(found)) + repr(found)
    assert not [secret for secret in (SECRET, "the-secret-before", "of-the-provider") if secret in text]
    assert "secret: (hidden) -> (another one)" in text


def test_a_secret_that_is_missing_or_is_a_placeholder_itself_is_refused(copied: Path) -> None:
    (copied / "identity-providers.yaml").write_text("google: {provider: google, secret: {env: G}}")
    wanted = rendered(copied)
    assert needed_by_import(render_realm(copied, public_base=BASE)) == ("GATELODGE_DESK_SECRET", "G")
    for environment in ({}, {"G": ""}, {"G": "${G}"}):
        with pytest.raises(RealmFilesInvalid, match="G"):
            filled_in(wanted, environment)


def test_a_secret_in_a_file_is_read_and_an_import_that_cannot_read_it_is_refused(copied: Path, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-a-file\n")
    (copied / "identity-providers.yaml").write_text(f"google: {{provider: google, secret: {{file: {file}}}}}")
    (provider,) = filled_in(rendered(copied), {})["identityProviders"]
    assert provider["config"]["clientSecret"] == "from-a-file"
    with pytest.raises(RealmFilesInvalid, match="an import cannot read"):
        needed_by_import(rendered(copied))


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("identity-providers.yaml", "google: {provider: google, config: {clientSecret: x}}", "does not belong"),
        ("identity-providers.yaml", "google: {provider: google, secret: {env: A, file: /b}}", "one of them only"),
        ("predefined-clients.yaml", "x: {product: other}", "no product 'other'"),
        ("predefined-clients.yaml", "x: {product: claude, redirects: ['http://a.example/cb']}", "must be https"),
    ],
)
def test_an_optional_file_that_makes_no_sense_is_refused(copied: Path, file: str, text: str, fault: str) -> None:
    (copied / file).write_text(text)
    with pytest.raises(RealmFilesInvalid, match=fault):
        rendered(copied)


def test_what_is_exported_renders_to_the_same_realm(realm: dict[str, Any], tmp_path: Path) -> None:
    present = as_applied(realm)
    unsaid = export_realm(present, tmp_path / "out", public_base=BASE, account=DESK)
    assert unsaid == ("users, groups, roles, sessions, keys, sign-in flows, and every secret",)
    assert plan(rendered(tmp_path / "out"), present).steps[-1].kind == "memory"
    with pytest.raises(ExportRefused):
        export_realm(present, tmp_path / "out", public_base=BASE, account=DESK)


@pytest.mark.parametrize("description", [None, "Reports of a night"])
def test_services_are_exported_too(copied: Path, tmp_path: Path, description: str | None) -> None:
    entry = {"server": "deep-research", "secret": {"env": "REPORT_SERVICE_CLIENT_SECRET"}}
    entry |= {"description": description} if description else {}
    (copied / "service-clients.yaml").write_text(json.dumps({"report-service": entry}))
    present = as_applied(rendered(copied))
    unsaid = export_realm(present, tmp_path / "out", public_base=BASE, account=DESK)
    assert unsaid == ("users, groups, roles, sessions, keys, sign-in flows, and every secret",)
    assert plan(rendered(tmp_path / "out"), present).steps[-1].kind == "memory"
    assert yaml.safe_load((tmp_path / "out" / "service-clients.yaml").read_text()) == {"report-service": entry}


def test_a_memory_that_cannot_be_read_counts_as_none(realm: dict[str, Any]) -> None:
    present = as_applied(realm)
    present["attributes"][MADE] = "no JSON"
    assert not [line for line in lines(plan(realm, present)) if line.startswith("delete")]

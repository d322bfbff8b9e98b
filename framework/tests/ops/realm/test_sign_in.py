"""Sign-in by GitHub and the user profile in a rendered realm: there or not, where the secret is, and who gets the claim."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatelodge.core.secret import Secret
from gatelodge.ops.realm.diff import render_plan
from gatelodge.ops.realm.export import export_realm
from gatelodge.ops.realm.files import RealmFilesInvalid
from gatelodge.ops.realm.placeholders import filled_in
from gatelodge.ops.realm.plan import make_plan
from gatelodge.ops.realm.render import render_realm, render_text
from gatelodge.ops.realm.sign_in import GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET
from gatelodge.ops.realm.things import profile_of

BASE = "https://mcp.example.com"
DESK = "gatelodge-desk"
SECRET = "a-secret-of-github"
ON = {GITHUB_CLIENT_ID: "Ov23liEXAMPLE", GITHUB_CLIENT_SECRET: SECRET}
OTHER = {
    "GATELODGE_GITHUB_SIGNIN_URL": "https://github.example.com/",
    "GATELODGE_GITHUB_SIGNIN_API_URL": "https://github.example.com/api/v3",
}
Change = Callable[[str, Callable[[Any], None]], Path]


def rendered(folder: Path, **environment: str) -> dict[str, Any]:
    return render_realm(folder, public_base=BASE, desk_secret=Secret("x"), environment=environment)


def test_github_is_there_when_its_client_id_is_set_and_not_otherwise(realm_files: Path) -> None:
    assert not {"identityProviders", "identityProviderMappers"} & rendered(realm_files).keys()
    realm = rendered(realm_files, **ON)
    (github,) = realm["identityProviders"]
    assert (github["alias"], github["providerId"], github["trustEmail"]) == ("github", "github", False)
    assert github["firstBrokerLoginFlowAlias"] == "first broker login"
    assert github["config"] == {
        "syncMode": "IMPORT",
        "clientId": "Ov23liEXAMPLE",
        "clientSecret": "${GATELODGE_GITHUB_SIGNIN_CLIENT_SECRET}",
    }
    login, name = realm["identityProviderMappers"]
    assert {login["identityProviderAlias"], name["identityProviderAlias"]} == {"github"}
    assert login["config"] == {"syncMode": "FORCE", "jsonField": "login", "userAttribute": "github_login"}
    assert name["config"]["template"] == "github.${CLAIM.login}"


def test_another_github_has_both_its_addresses(realm_files: Path) -> None:
    config = rendered(realm_files, **ON, **OTHER)["identityProviders"][0]["config"]
    assert (config["baseUrl"], config["apiUrl"]) == ("https://github.example.com", "https://github.example.com/api/v3")


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({GITHUB_CLIENT_SECRET: SECRET}, GITHUB_CLIENT_ID),
        ({f"{GITHUB_CLIENT_SECRET}_FILE": "/run/secrets/github"}, GITHUB_CLIENT_ID),
        (ON | {GITHUB_CLIENT_ID: "${HOME}"}, GITHUB_CLIENT_ID),
        (ON | {"GATELODGE_GITHUB_SIGNIN_URL": "https://github.example.com"}, "GATELODGE_GITHUB_SIGNIN_API_URL"),
        (ON | OTHER | {"GATELODGE_GITHUB_SIGNIN_URL": "http://github.example.com"}, "GATELODGE_GITHUB_SIGNIN_URL"),
        (ON | OTHER | {"GATELODGE_GITHUB_SIGNIN_API_URL": "https://u@x.example"}, "GATELODGE_GITHUB_SIGNIN_API_URL"),
        (ON | OTHER | {"GATELODGE_GITHUB_SIGNIN_API_URL": "https://x.example/${HOME}"}, "_API_URL"),
    ],
)
def test_half_of_the_variables_or_a_wrong_one_is_refused_by_name(
    realm_files: Path, environment: dict[str, str], named: str
) -> None:
    with pytest.raises(RealmFilesInvalid) as caught:
        rendered(realm_files, **environment)
    assert named in caught.value.detail
    assert SECRET not in str(caught.value)


def test_the_secret_comes_from_the_variable_or_its_file_and_is_in_no_plan(realm_files: Path, tmp_path: Path) -> None:
    kept = tmp_path / "secret"
    kept.write_text(f"{SECRET}\n")
    by_file = {GITHUB_CLIENT_ID: ON[GITHUB_CLIENT_ID], f"{GITHUB_CLIENT_SECRET}_FILE": str(kept)}
    realm = rendered(realm_files, **ON)
    for environment in (ON, by_file):
        assert rendered(realm_files, **environment) == realm
        assert filled_in(realm, environment)["identityProviders"][0]["config"]["clientSecret"] == SECRET
    plan = render_plan(make_plan(filled_in(realm, ON), rendered(realm_files), account=DESK))
    assert "+ create identity-provider github" in plan
    assert SECRET not in plan
    for environment in ({}, {f"{GITHUB_CLIENT_SECRET}_FILE": str(tmp_path / "nowhere")}):
        with pytest.raises(RealmFilesInvalid, match=GITHUB_CLIENT_SECRET):
            filled_in(realm, environment)


def test_an_import_is_told_of_the_secret(realm_files: Path) -> None:
    text, needed = render_text(realm_files, public_base=BASE, environment=ON)
    assert needed == ("GATELODGE_DESK_SECRET", GITHUB_CLIENT_SECRET)
    assert SECRET not in text


def test_a_file_of_ones_own_and_the_variables_do_not_make_two_providers_of_a_name(copied: Path) -> None:
    (copied / "identity-providers.yaml").write_text("{github: {provider: github, config: {clientId: x}}}")
    assert len(rendered(copied)["identityProviders"]) == 1
    with pytest.raises(RealmFilesInvalid, match="keep one of the two"):
        rendered(copied, **ON)


@pytest.mark.parametrize("template", ["${HOME}", "${env.CLAIM.login}", "${CLAIM.login}${X}", "$x"])
def test_a_mapper_takes_nothing_from_the_environment_of_an_import(copied: Path, template: str) -> None:
    entry = {"provider": "github", "mappers": {"name": {"type": "t", "config": {"template": template}}}}
    (copied / "identity-providers.yaml").write_text(json.dumps({"github": entry}))
    with pytest.raises(RealmFilesInvalid, match="mappers"):
        rendered(copied)


def test_only_a_server_that_asks_for_it_gets_the_login(copied: Path) -> None:
    (copied / "servers" / "toolbox.yaml").write_text(
        "{name: toolbox, path: /toolbox/mcp, scopes: {read: Read}, claims: [github_login]}"
    )
    claims = {
        scope["name"]: [mapper for mapper in scope["protocolMappers"] if mapper["name"] == "github_login"]
        for scope in rendered(copied)["clientScopes"]
    }
    (mapper,) = claims.pop("toolbox:read")
    assert not any(claims.values())
    assert mapper["config"] == {
        "access.token.claim": "true",
        "id.token.claim": "false",
        "userinfo.token.claim": "false",
        "introspection.token.claim": "true",
        "user.attribute": "github_login",
        "claim.name": "github_login",
        "jsonType.label": "String",
    }


def test_a_server_gets_no_other_claim_by_its_file(changed: Change) -> None:
    folder = changed("servers/deep-research.yaml", lambda server: server.update(claims=["email"]))
    with pytest.raises(RealmFilesInvalid, match="claims"):
        rendered(folder)


def test_no_user_edits_the_login_or_the_user_name(realm_files: Path) -> None:
    attributes = {one["name"]: one for one in profile_of(rendered(realm_files))["attributes"]}
    for name in ("github_login", "username"):
        assert attributes[name]["permissions"]["edit"] == ["admin"]
    assert list(attributes) == ["username", "email", "firstName", "lastName", "github_login"]
    assert "unmanagedAttributePolicy" not in profile_of(rendered(realm_files))


@pytest.mark.parametrize("attributes", [[], [{"displayName": "x"}], [{"name": "a"}, {"name": "a"}]])
def test_a_profile_names_each_attribute_once(changed: Change, attributes: list[dict[str, str]]) -> None:
    folder = changed("user-profile.yaml", lambda profile: profile.update(attributes=attributes))
    with pytest.raises(RealmFilesInvalid, match=r"user-profile\.yaml"):
        rendered(folder)


def test_what_changed_in_profile_and_mappers_is_planned_field_by_field(realm_files: Path, changed: Change) -> None:
    wanted, there = rendered(realm_files, **ON), rendered(realm_files, **ON)
    there["identityProviderMappers"][0] = {**there["identityProviderMappers"][0], "config": {"jsonField": "name"}}
    loose = changed(
        "user-profile.yaml", lambda profile: profile["attributes"][-1].update(permissions={"edit": ["user"]})
    )
    there["components"] = rendered(loose)["components"]
    plan = make_plan(filled_in(wanted, ON), filled_in(there, ON), account=DESK)
    assert [(step.action, step.kind, step.name, [change.name for change in step.changes]) for step in plan.steps] == [
        ("update", "user-attribute", "github_login", ["permissions"]),
        (
            "update",
            "identity-provider-mapper",
            "github/github login",
            ["config.syncMode", "config.jsonField", "config.userAttribute"],
        ),
    ]


def test_without_the_variable_the_provider_goes_with_its_mappers(realm_files: Path) -> None:
    plan = make_plan(rendered(realm_files), filled_in(rendered(realm_files, **ON), ON), account=DESK)
    assert [(step.action, step.kind, step.name) for step in plan.steps] == [("delete", "identity-provider", "github")]


def test_an_exported_realm_says_the_same_without_the_secret(realm_files: Path, tmp_path: Path) -> None:
    present = filled_in(rendered(realm_files, **ON), ON)
    export_realm(present, tmp_path / "exported", public_base=BASE, account=DESK)
    again = rendered(tmp_path / "exported")
    for member in ("identityProviders", "identityProviderMappers"):
        wanted = json.dumps(rendered(realm_files, **ON)[member]).replace(GITHUB_CLIENT_SECRET, "GITHUB_CLIENT_SECRET")
        assert again[member] == json.loads(wanted)
    assert profile_of(again) == profile_of(present)
    written = "".join(path.read_text() for path in (tmp_path / "exported").rglob("*.yaml"))
    assert SECRET not in written

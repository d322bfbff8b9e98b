"""The rendered realm, compared with the issue's list and with what the files say."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatelodge.core.secret import Secret
from gatelodge.ops.realm.files import RealmFilesInvalid
from gatelodge.ops.realm.memory import STAMP, fingerprint
from gatelodge.ops.realm.placeholders import filled_in
from gatelodge.ops.realm.plan import make_plan
from gatelodge.ops.realm.render import SeedUser, render_realm, render_text
from gatelodge.registration.config import DEFAULT_REDIRECT_HOSTS

BASE = "https://mcp.example.com"
POLICIES = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"
Change = Callable[[str, Callable[[Any], None]], Path]


def scopes_of(realm: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {scope["name"]: scope for scope in realm["clientScopes"]}


def mapper_of(realm: dict[str, Any], scope: str, mapper: str) -> dict[str, str]:
    mappers = {entry["name"]: entry for entry in scopes_of(realm)[scope]["protocolMappers"]}
    config: dict[str, str] = mappers[mapper]["config"]
    return config


def test_the_realm_is_named_mcp(realm_files: Path) -> None:
    assert render_realm(realm_files, public_base=BASE)["realm"] == "mcp"


def test_only_basic_and_acr_are_default_and_every_other_scope_is_optional(realm_files: Path) -> None:
    realm = render_realm(realm_files, public_base=BASE)
    assert realm["defaultDefaultClientScopes"] == ["basic", "acr"]
    assert realm["defaultOptionalClientScopes"] == [
        "email",
        "profile",
        "offline_access",
        "deep-research:read",
        "deep-research:write",
    ]


@pytest.mark.parametrize("base", [BASE, "https://localhost:8443", "http://127.0.0.1:8080"])
@pytest.mark.parametrize("scope", ["deep-research:read", "deep-research:write"])
def test_a_servers_scope_has_the_exact_url_as_audience(realm_files: Path, base: str, scope: str) -> None:
    config = mapper_of(render_realm(realm_files, public_base=base), scope, "audience")
    assert config["included.custom.audience"] == f"{base}/mcp"
    assert (config["access.token.claim"], config["id.token.claim"]) == ("true", "false")
    assert config["lightweight.claim"] == "true"


def test_no_other_scope_brings_an_audience(realm_files: Path) -> None:
    for name, scope in scopes_of(render_realm(realm_files, public_base=BASE)).items():
        types = {mapper["protocolMapper"] for mapper in scope["protocolMappers"]}
        assert ("oidc-audience-mapper" in types) is name.startswith("deep-research:")


def test_hidden_scopes_are_neither_in_the_metadata_nor_on_the_consent_page(realm_files: Path) -> None:
    for name, scope in scopes_of(render_realm(realm_files, public_base=BASE)).items():
        shown = "false" if name in {"basic", "acr"} else "true"
        assert scope["attributes"]["include.in.openid.provider.metadata"] == shown
        assert scope["attributes"]["display.on.consent.screen"] == shown
        assert scope["attributes"]["include.in.token.scope"] == shown


def test_every_scope_on_the_consent_page_has_a_text(realm_files: Path) -> None:
    for scope in scopes_of(render_realm(realm_files, public_base=BASE)).values():
        shown = scope["attributes"]["display.on.consent.screen"] == "true"
        assert bool(scope["attributes"]["consent.screen.text"]) is shown


def test_offline_access_brings_its_role(realm_files: Path) -> None:
    realm = render_realm(realm_files, public_base=BASE)
    assert realm["scopeMappings"] == [{"clientScope": "offline_access", "roles": ["offline_access"]}]


def test_email_stays_out_of_access_tokens(realm_files: Path) -> None:
    realm = render_realm(realm_files, public_base=BASE)
    for mapper in ("email", "email verified"):
        config = mapper_of(realm, "email", mapper)
        assert config["access.token.claim"] == config["introspection.token.claim"] == "false"
        assert config["userinfo.token.claim"] == "true"


def test_policies_for_both_kinds_of_registration_are_rendered_twice(realm_files: Path) -> None:
    components = render_realm(realm_files, public_base=BASE)["components"][POLICIES]
    kinds: dict[str, list[str]] = {}
    for component in components:
        kinds.setdefault(component["providerId"], []).append(component["subType"])
    both = ["anonymous", "authenticated"]
    assert kinds == {
        "trusted-hosts": ["anonymous"],
        "consent-required": ["anonymous"],
        "scope": ["anonymous"],
        "max-clients": ["anonymous"],
        "allowed-client-templates": both,
        "allowed-protocol-mappers": both,
        "registration-web-origins": both,
    }


def test_redirects_are_checked_and_senders_are_not(realm_files: Path) -> None:
    components = render_realm(realm_files, public_base=BASE)["components"][POLICIES]
    (config,) = [component["config"] for component in components if component["providerId"] == "trusted-hosts"]
    assert config["host-sending-registration-request-must-match"] == ["false"]
    assert config["client-uris-must-match"] == ["true"]
    assert set(config["trusted-hosts"]) == {
        "chatgpt.com",
        "claude.ai",
        "claude.com",
        "vscode.dev",
        "insiders.vscode.dev",
        "www.cursor.com",
        "antigravity.google",
        "localhost",
        "127.0.0.1",
        "[::1]",
    }


def test_the_realm_and_the_desk_trust_the_same_hosts(realm_files: Path) -> None:
    components = render_realm(realm_files, public_base=BASE)["components"][POLICIES]
    (config,) = [component["config"] for component in components if component["providerId"] == "trusted-hosts"]
    assert frozenset(config["trusted-hosts"]) == DEFAULT_REDIRECT_HOSTS


def test_component_values_are_lists_of_strings(realm_files: Path) -> None:
    for component in render_realm(realm_files, public_base=BASE)["components"][POLICIES]:
        for values in component["config"].values():
            assert isinstance(values, list)
            assert all(isinstance(value, str) for value in values)


def test_every_client_must_use_pkce_and_a_person_must_be_there(realm_files: Path) -> None:
    realm = render_realm(realm_files, public_base=BASE)
    profiles = {
        profile["name"]: [entry["executor"] for entry in profile["executors"]]
        for profile in realm["clientProfiles"]["profiles"]
    }
    enforced = {
        (condition["condition"], executor)
        for policy in realm["clientPolicies"]["policies"]
        for condition in policy["conditions"]
        for profile in policy["profiles"]
        for executor in profiles[profile]
        if policy["enabled"]
    }
    assert enforced == {
        ("any-client", "pkce-enforcer"),
        ("any-client", "reject-implicit-grant"),
        ("any-client", "reject-ropc-grant"),
        ("grant-type", "reject-request"),
        ("grant-type", "secure-client-authenticator"),
        ("client-updater-context", "secure-client-authenticator"),
    }


def test_tokens_are_short_and_refresh_tokens_rotate(realm_files: Path) -> None:
    realm = render_realm(realm_files, public_base=BASE)
    assert realm["accessTokenLifespan"] <= 300
    assert (realm["revokeRefreshToken"], realm["refreshTokenMaxReuse"]) == (True, 0)
    assert realm["offlineSessionMaxLifespanEnabled"] is True
    assert (realm["bruteForceProtected"], realm["permanentLockout"]) == (True, False)
    assert (realm["eventsEnabled"], realm["adminEventsEnabled"]) == (True, True)


@pytest.mark.parametrize(
    ("base", "pinned"), [(BASE, True), ("https://localhost:8443", False), ("https://127.0.0.1", False)]
)
def test_https_is_pinned_on_real_hosts_only(realm_files: Path, base: str, pinned: bool) -> None:
    headers = render_realm(realm_files, public_base=base)["browserSecurityHeaders"]
    assert bool(headers["strictTransportSecurity"]) is pinned
    assert headers["xContentTypeOptions"] == "nosniff"


def test_users_have_the_default_roles_and_their_password(realm_files: Path) -> None:
    user = SeedUser("ada", "ada@example.com", "Ada", "Lovelace", Secret("kept-to-herself"))
    (_, rendered) = render_realm(realm_files, public_base=BASE, users=[user])["users"]
    assert rendered["realmRoles"] == ["default-roles-mcp"]
    assert rendered["credentials"] == [{"type": "password", "value": "kept-to-herself", "temporary": False}]
    assert "kept-to-herself" not in repr(user)


def test_a_deployment_is_the_same_realm_without_people(realm_files: Path, tmp_path: Path) -> None:
    output = tmp_path / "realm.json"
    text, _ = render_text(realm_files, public_base=BASE, output=output)
    assert output.read_text(encoding="utf-8") == text
    assert json.loads(text) == render_realm(realm_files, public_base=BASE)
    assert [user["username"] for user in json.loads(text)["users"]] == ["service-account-gatelodge-desk"]


def test_nothing_but_the_desks_secret_is_expanded_by_an_import(realm_files: Path) -> None:
    text, _ = render_text(realm_files, public_base=BASE)
    assert text.count('"secret": "${GATELODGE_DESK_SECRET}"') == 1
    # Keycloak's own names of labels, which no environment has.
    labels = ["${username}", "${email}", "${firstName}", "${lastName}"]
    assert re.findall(r"\$\{[^}]*\}?", text.replace("${GATELODGE_DESK_SECRET}", "")) == labels


def test_the_desks_account_signs_in_as_itself_only_and_holds_rights_at_clients_only(realm_files: Path) -> None:
    realm = render_realm(realm_files, public_base=BASE, desk_secret=Secret("kept-to-itself"))
    (client,) = realm["clients"]
    assert client["secret"] == "kept-to-itself"
    flows = ("standardFlowEnabled", "implicitFlowEnabled", "directAccessGrantsEnabled", "fullScopeAllowed")
    assert not any(client[flow] for flow in (*flows, "publicClient", "redirectUris"))
    assert (client["serviceAccountsEnabled"], client["defaultClientScopes"]) == (True, [])
    rights = ["manage-clients", "query-clients", "view-clients"]
    assert realm["clientScopeMappings"] == {"realm-management": [{"client": "gatelodge-desk", "roles": rights}]}
    (user,) = realm["users"]
    assert user["clientRoles"] == {"realm-management": rights}
    assert "realmRoles" not in user


def test_an_api_that_fills_in_nothing_gets_no_placeholder_for_a_secret(realm_files: Path) -> None:
    assert "secret" not in filled_in(render_realm(realm_files, public_base=BASE), {})["clients"][0]
    given = render_realm(realm_files, public_base=BASE, desk_secret=Secret("kept-to-itself"))
    assert filled_in(given, {}) == given


def test_the_stamp_depends_on_the_address_and_the_files_but_not_on_the_users(
    realm_files: Path, changed: Change
) -> None:
    user = SeedUser("ada", "ada@example.com", "Ada", "Lovelace", Secret("x"))
    stamp = render_realm(realm_files, public_base=BASE)["attributes"][STAMP]
    assert render_realm(realm_files, public_base=BASE, users=[user])["attributes"][STAMP] == stamp
    assert render_realm(realm_files, public_base="https://localhost:1")["attributes"][STAMP] != stamp
    other = changed("realm.yaml", lambda realm: realm["settings"].update(accessTokenLifespan=60))
    assert render_realm(other, public_base=BASE)["attributes"][STAMP] != stamp


def test_the_stamp_is_the_fingerprint_of_what_was_rendered(realm_files: Path) -> None:
    realm = render_realm(realm_files, public_base=BASE)
    assert fingerprint(realm) == realm["attributes"][STAMP]
    assert fingerprint(realm | {"accessTokenLifespan": 1}) != realm["attributes"][STAMP]


@pytest.mark.parametrize("name", ["master", "Master"])
def test_a_realm_named_master_is_refused(changed: Change, name: str) -> None:
    folder = changed("realm.yaml", lambda realm: realm.update(name=name))
    with pytest.raises(RealmFilesInvalid):
        render_realm(folder, public_base=BASE)


@pytest.mark.parametrize(
    "base",
    [
        "",
        "mcp.example.com",
        "http://mcp.example.com",
        "https://mcp.example.com/",
        "https://mcp.example.com/mcp",
        "https://MCP.example.com",
        "https://user@mcp.example.com",
        "https://mcp.example.com?x",
        "ftp://mcp.example.com",
    ],
)
def test_a_public_address_that_could_not_be_compared_byte_by_byte_is_refused(realm_files: Path, base: str) -> None:
    with pytest.raises(RealmFilesInvalid) as caught:
        render_realm(realm_files, public_base=base)
    assert repr(base) in caught.value.detail


def test_rendering_twice_gives_the_same(realm_files: Path) -> None:
    assert render_text(realm_files, public_base=BASE) == render_text(realm_files, public_base=BASE)


def with_pages(folder: Path) -> Path:
    """A second server with pages of connected accounts beside the sample, which has none."""
    (folder / "servers" / "workspace.yaml").write_text(
        json.dumps({"name": "workspace", "path": "/workspace/mcp", "scopes": {"read": "Read"}, "accounts": True})
    )
    return folder


def test_a_realm_without_pages_of_connected_accounts_has_no_client_for_them(realm_files: Path) -> None:
    realm = render_realm(realm_files, public_base=BASE)
    assert [client["clientId"] for client in realm["clients"]] == ["gatelodge-desk"]


def test_the_pages_client_signs_people_in_at_exact_addresses_and_gets_no_scope_of_a_server(copied: Path) -> None:
    realm = render_realm(with_pages(copied), public_base=BASE, web_secret=Secret("kept-to-itself"))
    (client,) = [client for client in realm["clients"] if client["clientId"] == "gatelodge-web"]
    assert client["redirectUris"] == [f"{BASE}/workspace/accounts/callback"]
    assert client["attributes"]["post.logout.redirect.uris"] == f"{BASE}/workspace/accounts"
    assert client["attributes"]["pkce.code.challenge.method"] == "S256"
    assert client["secret"] == "kept-to-itself"
    flows = ("serviceAccountsEnabled", "implicitFlowEnabled", "directAccessGrantsEnabled", "fullScopeAllowed")
    assert not any(client[flow] for flow in (*flows, "publicClient"))
    assert (client["defaultClientScopes"], client["optionalClientScopes"]) == (["basic", "acr"], [])


def test_an_import_is_told_of_the_pages_secret_and_an_api_may_do_without(copied: Path) -> None:
    text, needed = render_text(with_pages(copied), public_base=BASE)
    assert needed == ("GATELODGE_DESK_SECRET", "GATELODGE_WEB_CLIENT_SECRET")
    assert not any("secret" in client for client in filled_in(json.loads(text), {})["clients"])


def test_a_service_gets_the_scope_that_no_other_client_can_have_and_one_servers_audience(copied: Path) -> None:
    entry = {"report-service": {"server": "deep-research", "secret": {"env": "REPORT_SECRET"}}}
    (copied / "service-clients.yaml").write_text(json.dumps(entry))
    realm = render_realm(copied, public_base=BASE)
    assert "gatelodge:tokens" in scopes_of(realm)
    assert "gatelodge:tokens" not in {*realm["defaultDefaultClientScopes"], *realm["defaultOptionalClientScopes"]}
    owners = [one["clientId"] for one in realm["clients"] if "gatelodge:tokens" in one["defaultClientScopes"]]
    assert owners == ["report-service"]
    (client,) = [one for one in realm["clients"] if one["clientId"] == "report-service"]
    assert (client["secret"], client["clientAuthenticatorType"]) == ("${REPORT_SECRET}", "client-secret-jwt")
    assert client["protocolMappers"][0]["config"]["included.custom.audience"] == f"{BASE}/mcp"
    assert not any(client[flow] for flow in ("standardFlowEnabled", "directAccessGrantsEnabled", "publicClient"))


def test_without_services_nobody_has_their_scope_and_a_service_of_no_server_is_refused(copied: Path) -> None:
    assert "gatelodge:tokens" not in scopes_of(render_realm(copied, public_base=BASE))
    entry = {"report-service": {"server": "nowhere", "secret": {"env": "REPORT_SECRET"}}}
    (copied / "service-clients.yaml").write_text(json.dumps(entry))
    with pytest.raises(RealmFilesInvalid, match="nowhere"):
        render_realm(copied, public_base=BASE)


def test_a_realm_loses_the_pages_client_and_scopes_with_the_last_server_that_had_pages(
    realm_files: Path, copied: Path
) -> None:
    before = render_realm(with_pages(copied), public_base=BASE, web_secret=Secret("x"), desk_secret=Secret("y"))
    after = render_realm(realm_files, public_base=BASE, desk_secret=Secret("y"))
    plan = make_plan(after, before, account="gatelodge-desk")
    gone = {(step.kind, step.name) for step in plan.steps if step.action == "delete"}
    assert {("client", "gatelodge-web"), ("client-scope", "workspace:read")} <= gone
    assert not any(step.name == "gatelodge-desk" for step in plan.steps)
    theirs = {**before, "clients": [{**one, "attributes": {}} for one in before["clients"]]}
    kept = make_plan(after, theirs, account="gatelodge-desk")
    assert not any(step.name == "gatelodge-web" for step in kept.steps), "a person's client of that name stays"

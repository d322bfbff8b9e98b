"""What the desk's account can do at the real Keycloak, and that it is all it can do."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from gatelodge.core.clock import SystemClock
from gatelodge.core.secret import Secret
from gatelodge.ops.link.oauth_types import RegisteredClient
from gatelodge.ops.realm.render import render_realm
from gatelodge.registration.keycloak_clients import KeycloakClients, SessionCount
from gatelodge.registration.service_account import RegistrarRefused, ServiceAccount
from gatelodge.settings.desk import DESK_CLIENT_ID

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.realm.conftest import Stack, Visitor
    from gatelodge.outbound.client import Answer

pytestmark = pytest.mark.stack

RIGHTS = {"manage-clients", "query-clients", "view-clients"}
READ = "deep-research:read"


def claims_of(token: Secret) -> dict[str, Any]:
    payload = token.reveal().split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def ask(visitor: Visitor, account: ServiceAccount, method: str, path: str, body: Any = None) -> Answer:
    """One Admin REST request of the account, below its realm unless ``path`` begins with a slash."""
    url = f"{visitor.stack.keycloak_url}/admin/realms{path if path.startswith('/') else '/mcp/' + path}"
    return await visitor.send(method, url.rstrip("/"), body, token=(await account.token()).reveal())


async def test_the_accounts_token_holds_the_rights_at_clients_and_nothing_else(account: ServiceAccount) -> None:
    claims = claims_of(await account.token())
    assert set(claims["resource_access"].pop("realm-management")["roles"]) == RIGHTS
    assert claims["resource_access"] == {}
    assert not {"aud", "realm_access"} & claims.keys()
    assert claims["scope"] == ""


async def test_the_account_makes_finds_changes_lists_and_removes_clients(clients: KeycloakClients) -> None:
    client_id = f"https://{secrets.token_hex(4)}.example/client.json"
    assert await clients.find(client_id) is None
    internal_id = await clients.create({"clientId": client_id, "publicClient": True, "name": "first"})
    try:
        await clients.update(internal_id, {"clientId": client_id, "attributes": {"gatelodge.made-by": "cimd"}})
        found = await clients.find(client_id)
        assert found is not None
        assert (found["id"], found["name"]) == (internal_id, "first")
        assert found["attributes"]["gatelodge.made-by"] == "cimd"
        assert client_id in [client["clientId"] async for client in clients.all(page=2)]
        assert await clients.sessions([found]) == {client_id: SessionCount(0, 0)}
        assert READ in await clients.offline_scopes()
    finally:
        await clients.delete(internal_id)
    await clients.delete(internal_id)
    assert await clients.find(client_id) is None
    assert await clients.sessions([found]) == {}


async def test_the_account_sees_who_has_a_link_by_a_client(clients: KeycloakClients, visitor: Visitor) -> None:
    client = await visitor.client()
    await visitor.tokens(client, READ, "offline_access")
    assert (await clients.sessions())[client.client_id].offline == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "users"),
        ("POST", "users"),
        ("GET", "roles"),
        ("POST", "roles"),
        ("PUT", ""),
        ("DELETE", ""),
        ("GET", "identity-provider/instances"),
        ("POST", "identity-provider/instances"),
        ("GET", "components"),
        ("POST", "components"),
        ("GET", "groups"),
        ("GET", "events"),
        ("GET", "keys"),
        ("GET", "client-session-stats"),
        ("GET", "client-policies/policies"),
        ("PUT", "client-policies/policies"),
        ("POST", "partial-export?exportClients=true"),
        ("POST", "logout-all"),
        ("GET", "/master/clients"),
        ("POST", "/master/clients"),
        ("GET", "/master"),
        ("GET", "/master/users"),
    ],
)
async def test_the_account_is_refused_everything_but_clients(
    visitor: Visitor, account: ServiceAccount, method: str, path: str
) -> None:
    answer = await ask(visitor, account, method, path, None if method == "GET" else {})
    assert answer.status == 403, answer.body[:200]


async def test_the_account_makes_no_realm_and_sees_no_other(visitor: Visitor, account: ServiceAccount) -> None:
    made = await ask(visitor, account, "POST", "/", {"realm": "gatelodge-of-its-own"})
    assert made.status == 403
    seen = await ask(visitor, account, "GET", "/")
    assert [entry["realm"] for entry in json.loads(seen.body)] == ["mcp"]


async def test_the_account_cannot_give_itself_a_role(
    visitor: Visitor, account: ServiceAccount, clients: KeycloakClients
) -> None:
    keycloak = visitor.stack.admin.keycloak
    (itself, management) = (await clients.find(DESK_CLIENT_ID), await clients.find("realm-management"))
    assert itself is not None
    assert management is not None
    user = keycloak.get_client_service_account_user(itself["id"])["id"]
    roles = [keycloak.get_client_role(management["id"], "realm-admin")]
    for path in (f"users/{user}/role-mappings/clients/{management['id']}", f"users/{user}/role-mappings/realm"):
        assert (await ask(visitor, account, "POST", path, roles)).status == 403
    held = {role["name"] for role in keycloak.get_client_roles_of_user(user, management["id"])}
    assert held == RIGHTS


MAPPERS: dict[str, dict[str, str]] = {
    "oidc-hardcoded-role-mapper": {"role": "realm-management.realm-admin"},
    "oidc-role-name-mapper": {
        "role": "realm-management.manage-clients",
        "new.role.name": "realm-management.realm-admin",
    },
    "oidc-hardcoded-claim-mapper": {
        "claim.name": "resource_access.realm-management.roles",
        "claim.value": '["realm-admin", "manage-users", "view-users", "manage-realm", "view-realm"]',
        "jsonType.label": "JSON",
        "access.token.claim": "true",
    },
}


@pytest.mark.parametrize("keep_rights", [True, False], ids=["beside its rights", "in place of its rights"])
@pytest.mark.parametrize("mapper", MAPPERS)
async def test_a_mapper_that_the_account_gives_itself_makes_it_no_administrator(
    visitor: Visitor,
    account: ServiceAccount,
    clients: KeycloakClients,
    mapper: str,
    keep_rights: bool,
) -> None:
    itself = await clients.find(DESK_CLIENT_ID)
    assert itself is not None
    place = f"clients/{itself['id']}/protocol-mappers/models"
    (rights,) = json.loads((await ask(visitor, account, "GET", place)).body)
    added = {"name": "more", "protocol": "openid-connect", "protocolMapper": mapper, "config": MAPPERS[mapper]}
    keycloak = visitor.stack.admin.keycloak
    try:
        assert (await ask(visitor, account, "POST", place, added)).status == 201, "the attack is possible at all"
        if not keep_rights:
            assert (await ask(visitor, account, "DELETE", f"{place}/{rights['id']}")).status == 204
        account.forget(await account.token())
        for method, path in (("GET", "users"), ("GET", "roles"), ("GET", "components"), ("GET", "events")):
            assert (await ask(visitor, account, method, path)).status == 403
    finally:
        for entry in keycloak.get_mappers_from_client(itself["id"]):
            keycloak.remove_client_mapper(itself["id"], entry["id"])
        keycloak.add_mapper_to_client(itself["id"], {key: value for key, value in rights.items() if key != "id"})


async def test_a_wrong_secret_is_refused_and_stays_out_of_the_error(
    visitor: Visitor, stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = ServiceAccount(
        visitor.outbound,
        realm_url=f"{stack.keycloak_url}/realms/mcp",
        client_id=DESK_CLIENT_ID,
        secret=Secret("not-the-secret"),
        clock=SystemClock(),
    )
    with pytest.raises(RegistrarRefused) as caught:
        await wrong.token()
    said = f"{caught.value!r} {caught.value.detail} {caught.value.hint} {caught.value.description} {caplog.text}"
    assert "not-the-secret" not in said


async def test_no_secret_of_the_desk_is_in_a_log(stack: Stack, desk_secret: Secret) -> None:
    logs = list((stack.state / "logs").iterdir())
    assert logs
    assert not [log.name for log in logs if desk_secret.reveal() in log.read_text(errors="replace")]


@pytest.mark.requirement("RFC9700-2.4-no-password")
async def test_a_registered_client_gets_no_token_for_itself(visitor: Visitor) -> None:
    for method in ("client_secret_post", "client_secret_basic"):
        grants = ["authorization_code", "refresh_token", "client_credentials"]
        client = await visitor.client(token_endpoint_auth_method=method, grant_types=grants)
        assert visitor.stored(client.client_id)["serviceAccountsEnabled"], "Keycloak would give it one"
        for scope in ("", READ):
            form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
            status, answer = await visitor.token_request(client, form)
            assert status in {400, 401}, answer
            assert "access_token" not in answer


@pytest.mark.parametrize("method", ["client_secret_jwt", "tls_client_auth"])
async def test_nobody_can_register_the_way_in_which_the_desk_proves_itself(visitor: Visitor, method: str) -> None:
    body = {"redirect_uris": ["http://127.0.0.1/cb"], "token_endpoint_auth_method": method}
    assert (await visitor.post(body)).status == 403
    client = await visitor.client(token_endpoint_auth_method="client_secret_post")
    change = {**client.document, "token_endpoint_auth_method": method}
    token = change.pop("registration_access_token")
    answer = await visitor.send("PUT", change.pop("registration_client_uri"), change, token=token)
    assert answer.status in {400, 401, 403, 404}
    assert visitor.stored(client.client_id)["clientAuthenticatorType"] == "client-secret"


async def test_the_accounts_token_opens_no_server(visitor: Visitor, account: ServiceAccount, stack: Stack) -> None:
    token = await account.token()
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert (await visitor.send("POST", stack.mcp_url, call, token=token.reveal())).status == 401


async def test_the_account_signs_nobody_in(visitor: Visitor, stack: Stack, desk_secret: Secret) -> None:
    username, password = stack.users[0]
    client = RegisteredClient(DESK_CLIENT_ID, desk_secret.reveal(), "client_secret_post")
    form = {"grant_type": "password", "username": username, "password": password}
    status, answer = await visitor.token_request(client, form)
    assert status in {400, 401}
    assert "access_token" not in answer
    query = urlencode({"client_id": DESK_CLIENT_ID, "response_type": "code", "redirect_uri": "https://x.example/cb"})
    page = await visitor.outbound.request("GET", f"{visitor.server.authorization_endpoint}?{query}")
    assert page.status == 400
    assert "location" not in page.headers


async def test_a_sync_gives_the_account_its_rights_back_and_takes_others_away(
    stack: Stack, realm_files: Path, account: ServiceAccount, clients: KeycloakClients, desk_secret: Secret
) -> None:
    keycloak = stack.admin.keycloak
    itself = keycloak.get_client_id(DESK_CLIENT_ID)
    management = keycloak.get_client_id("realm-management")
    assert itself is not None
    assert management is not None
    user = keycloak.get_client_service_account_user(itself)["id"]
    keycloak.assign_client_role(user, management, [keycloak.get_client_role(management, "view-users")])
    surplus = [keycloak.get_client_role(management, "manage-clients")]
    keycloak.delete_client_roles_of_user(user, management, surplus)
    keycloak.update_client(itself, {"clientId": DESK_CLIENT_ID, "directAccessGrantsEnabled": True})
    moved = render_realm(realm_files, public_base="https://localhost:1", desk_secret=desk_secret)
    now = render_realm(realm_files, public_base=stack.public_base, desk_secret=desk_secret)
    assert [stack.admin.ensure(realm) for realm in (moved, now)] == ["updated", "updated"]
    assert {role["name"] for role in keycloak.get_client_roles_of_user(user, management)} == RIGHTS
    assert keycloak.get_client(itself)["directAccessGrantsEnabled"] is False
    account.forget(await account.token())
    assert await clients.find(DESK_CLIENT_ID) is not None

"""Only a code that a person brought about gives tokens, whatever a client registered for (OAuth 2.1, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from gatelodge.ops.link.oauth_types import Pkce, RegisteredClient

if TYPE_CHECKING:
    from e2e.realm.conftest import Visitor

pytestmark = pytest.mark.stack

READ = "deep-research:read"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.mark.requirement("RFC9700-2.1.2-no-implicit")
@pytest.mark.parametrize("response_type", ["token", "id_token", "code token"])
async def test_the_implicit_grant_is_refused(visitor: Visitor, response_type: str) -> None:
    client = await visitor.client()
    extra = {"response_type": response_type, "nonce": "n", "response_mode": "query"}
    callback = await visitor.authorize(client.client_id, [READ], pkce=Pkce.new(), extra=extra)
    assert callback.code is None
    assert callback.error in {"unauthorized_client", "unsupported_response_type", "invalid_request"}


@pytest.mark.requirement("RFC9700-2.4-no-password")
@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "password", "username": "USER", "password": "PASSWORD"},
        {"grant_type": "client_credentials"},
        {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": "TOKEN"},
        {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "TOKEN"},
        {"grant_type": "urn:ietf:params:oauth:grant-type:uma-ticket", "audience": "CLIENT"},
        {"grant_type": "urn:openid:params:grant-type:ciba", "auth_req_id": "x"},
        {"grant_type": DEVICE, "device_code": "x"},
    ],
    ids=lambda form: form["grant_type"].rsplit(":", 1)[-1],
)
async def test_no_grant_but_the_code_gives_a_token_even_to_a_client_registered_for_it(
    visitor: Visitor, form: dict[str, str]
) -> None:
    client = await visitor.client(
        token_endpoint_auth_method="client_secret_post",
        grant_types=["authorization_code", "refresh_token", form["grant_type"]],
    )
    username, password = visitor.stack.users[0]
    tokens = await visitor.tokens(client, READ)
    filled = {"USER": username, "PASSWORD": password, "TOKEN": tokens.access_token, "CLIENT": client.client_id}
    sent = {key: filled.get(value, value) for key, value in form.items()} | {"scope": READ}
    sent |= {"subject_token_type": "urn:ietf:params:oauth:token-type:access_token"}
    status, answer = await visitor.token_request(client, sent)
    assert status in {400, 401, 403}, answer
    assert "access_token" not in answer


@pytest.mark.requirement("RFC9700-2.4-no-password")
async def test_the_realms_own_clients_take_no_password_either(visitor: Visitor) -> None:
    username, password = visitor.stack.users[0]
    form = {"grant_type": "password", "username": username, "password": password}
    _, answer = await visitor.token_request(RegisteredClient("admin-cli"), form)
    assert answer["error_description"] == "resource owner password credentials grant is prohibited."


async def test_no_device_flow_begins_at_the_edge(visitor: Visitor) -> None:
    client = await visitor.client(grant_types=["authorization_code", DEVICE])
    started = await visitor.outbound.request(
        "POST",
        f"{visitor.server.authorization_endpoint}/device",
        headers={"content-type": "application/x-www-form-urlencoded"},
        content=urlencode({"client_id": client.client_id, "scope": READ}).encode(),
    )
    assert started.status == 404

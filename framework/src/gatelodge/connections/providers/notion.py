"""Notion: refresh tokens that may be null, access tokens whose end is not told, no scopes in the request.

So a token is refreshed when it is refused, never by the clock. The redirect URI goes into both calls.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gatelodge.connections.errors import ProviderRefused
from gatelodge.connections.grant import Account, Grant, text
from gatelodge.connections.provider import STRICT, AccountApi, Outcomes, Provider, Revocation, plain_grant

__all__ = ["PROVIDER"]


def _grant(body: Mapping[str, Any]) -> Grant:
    details = {"workspace_id": text(body, "workspace_id"), "workspace_name": text(body, "workspace_name")}
    return replace(
        plain_grant(body),
        account_id=text(body, "bot_id"),
        account_name=text(body, "workspace_name"),
        extra={name: value for name, value in details.items() if value},
    )


async def _account(api: AccountApi) -> Account:
    status, body = await api.get("/users/me")
    key = text(body, "id")
    if status != 200 or key is None:
        raise ProviderRefused("notion", f"GET /users/me answered {status}")
    return Account(key, text(body, "bot", "workspace_name") or text(body, "name"))


PROVIDER = Provider(
    name="notion",
    title="Notion",
    authorize_url="https://api.notion.com/v1/oauth/authorize",
    token_url="https://api.notion.com/v1/oauth/token",  # noqa: S106 - an address
    api_base="https://api.notion.com/v1",
    authorize_extra={"owner": "user"},
    client_auth="basic",
    body="json",
    # Not documented, so the careful assumption: an old refresh token is worth nothing.
    rotation=STRICT,
    outcomes=Outcomes(
        dead=frozenset({"invalid_grant"}),
        ours=frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type"}),
    ),
    read_grant=_grant,
    read_account=_account,
    revocation=Revocation("POST", "/oauth/revoke", "token", client=True),
    api_headers={"notion-version": "2025-09-03"},
    secret_from="https://www.notion.so/profile/integrations",  # noqa: S106 - an address
    disconnect_at="https://www.notion.so/profile/connections",
)

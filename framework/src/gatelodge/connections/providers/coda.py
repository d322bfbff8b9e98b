"""Coda: no OAuth. A user's own API token, checked by ``whoami`` when it is saved; it does not end by itself."""

from gatelodge.connections.errors import ProviderRefused
from gatelodge.connections.grant import Account, text
from gatelodge.connections.provider import AccountApi, Provider

__all__ = ["PROVIDER"]


async def _account(api: AccountApi) -> Account:
    status, body = await api.get("/whoami")
    key = text(body, "loginId")
    if status != 200 or key is None:
        raise ProviderRefused("coda", f"GET /whoami answered {status}")
    details = {"token_name": text(body, "tokenName"), "workspace_id": text(body, "workspace", "id")}
    scoped = body.get("scoped") is True
    extra = {name: value for name, value in details.items() if value} | ({"scoped": "true"} if scoped else {})
    return Account(key, text(body, "name"), extra)


PROVIDER = Provider(
    name="coda",
    title="Coda",
    kind="api_token",
    api_base="https://coda.io/apis/v1",
    read_account=_account,
    credentials=(),
    secret_from="https://coda.io/account",  # noqa: S106 - an address
    disconnect_at="https://coda.io/account",
)

"""Slack: a bot's and a user's token in one answer, kept as two credentials and refreshed one by one.

Invariant: the bot, which is the same for all users of a workspace, is asked for no permission to read; what a user reads,
they read with a token of their own. Errors come with status 200 and ``ok`` false. Rotation is the app's choice: without it tokens do not end.
"""

from collections.abc import Mapping
from typing import Any

from gatelodge.connections.errors import ProviderRefused
from gatelodge.connections.grant import Account, Grant, UnusableGrant, scopes_of, seconds, text, token
from gatelodge.connections.provider import STRICT, AccountApi, Outcomes, Provider, Revocation

__all__ = ["PROVIDER"]


def _grant(body: Mapping[str, Any]) -> Grant:
    person = body.get("authed_user")
    person = person if isinstance(person, Mapping) else {}
    bot, user = token(body, "access_token"), token(person, "access_token")
    first = body if bot else person
    access = bot or user
    if access is None:
        raise UnusableGrant("access_token is missing")
    second = {
        "user_access_token": user if bot else None,
        "user_refresh_token": token(person, "refresh_token") if bot else None,
    }
    lives = [life for life in (seconds(body, "expires_in"), seconds(person, "expires_in")) if life is not None]
    team = text(body, "team", "id") or text(body, "enterprise", "id")
    member = text(person, "id")
    return Grant(
        access,
        token(first, "refresh_token"),
        min(lives, default=None),
        scopes_of(first),
        {name: value for name, value in second.items() if value},
        account_id=f"{team}:{member}" if team and member else None,
        account_name=text(body, "team", "name"),
        extra={name: value for name, value in (("team_id", team), ("user_id", member)) if value},
    )


async def _account(api: AccountApi) -> Account:
    status, body = await api.post("/auth.test")
    team, member = text(body, "team_id") or text(body, "enterprise_id"), text(body, "user_id")
    if status != 200 or team is None or member is None:
        raise ProviderRefused("slack", f"auth.test answered {status}")
    site = text(body, "url")
    return Account(f"{team}:{member}", text(body, "team"), {"team_id": team} | ({"site_url": site} if site else {}))


PROVIDER = Provider(
    name="slack",
    title="Slack",
    authorize_url="https://slack.com/oauth/v2/authorize",
    token_url="https://slack.com/api/oauth.v2.access",  # noqa: S106 - an address
    api_base="https://slack.com/api",
    scopes=("chat:write",),
    user_scopes=(
        "channels:history",
        "channels:read",
        "chat:write",
        "groups:history",
        "groups:read",
        "search:read",
        "users:read",
    ),
    scope_separator=",",
    client_auth="basic",
    body="form",
    rotation=STRICT,
    outcomes=Outcomes(
        dead=frozenset({"invalid_refresh_token", "invalid_grant"}),
        code=frozenset({"invalid_code", "code_already_used", "oauth_authorization_url_mismatch"}),
        ours=frozenset({"bad_client_secret", "invalid_client_id", "bad_redirect_uri", "invalid_grant_type"}),
    ),
    read_grant=_grant,
    read_account=_account,
    revocation=Revocation("POST", "/auth.revoke", None, client=False),
    credentials=(("access_token", "refresh_token"), ("user_access_token", "user_refresh_token")),
    shared_credentials=frozenset({"access_token"}),
    secret_from="https://api.slack.com/apps",  # noqa: S106 - an address
    disconnect_at="https://slack.com/apps/manage",
)

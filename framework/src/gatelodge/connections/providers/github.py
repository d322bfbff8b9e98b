"""GitHub: OAuth apps (tokens without end) and GitHub Apps (8 hours, refresh token 6 months, single use).

Errors of the token endpoint come with status 200, its answers as a form unless JSON is asked for. PKCE is S256 only.
Since April 2026 github.com names its issuer when it sends the user back; an Enterprise Server may not.
"""

from gatelodge.connections.errors import ProviderRefused
from gatelodge.connections.grant import Account, text
from gatelodge.connections.provider import STRICT, AccountApi, Outcomes, Provider, Revocation

__all__ = ["PROVIDER"]


async def _account(api: AccountApi) -> Account:
    status, body = await api.get("/user")
    key = text(body, "id")
    if status != 200 or key is None:
        raise ProviderRefused("github", f"GET /user answered {status}")
    login = text(body, "login")
    return Account(key, login, {"login": login} if login else {})


PROVIDER = Provider(
    name="github",
    title="GitHub",
    authorize_url="https://github.com/login/oauth/authorize",
    token_url="https://github.com/login/oauth/access_token",  # noqa: S106 - an address
    api_base="https://api.github.com",
    issuer="https://github.com/login/oauth",
    scopes=("read:user", "repo"),
    authorize_extra={"prompt": "select_account"},
    pkce=True,
    client_auth="form",
    body="form",
    rotation=STRICT,
    keep_alive_days=90,
    outcomes=Outcomes(
        dead=frozenset({"bad_refresh_token", "unauthorized_client"}),
        code=frozenset({"bad_verification_code"}),
        ours=frozenset({"incorrect_client_credentials", "redirect_uri_mismatch", "unauthorized_client"}),
    ),
    read_account=_account,
    revocation=Revocation("DELETE", "/applications/{client_id}/token", "access_token", client=True),
    api_headers={
        "accept": "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
        "user-agent": "gatelodge",
    },
    secret_from="https://github.com/settings/developers",  # noqa: S106 - an address
    disconnect_at="https://github.com/settings/applications",
)

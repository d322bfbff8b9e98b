"""Jira Cloud (3LO): JSON bodies, a rotating refresh token with ten minutes of leeway, 365 days after the consent an end.

The list of sites names what the app may reach, not only this user's sites, so each is asked who the user is there. The
first site that knows the user is the link's; the others are kept beside it as JSON.
"""

import json
import re
from typing import Any

from gatelodge.connections.errors import ProviderRefused
from gatelodge.connections.grant import Account, text
from gatelodge.connections.provider import AccountApi, Outcomes, Provider, Rotation

__all__ = ["PROVIDER"]

_CLOUD_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_MAX_SITES = 20


async def _account(api: AccountApi) -> Account:
    status, listed = await api.get("/oauth/token/accessible-resources")
    if status != 200 or not isinstance(listed, list):
        raise ProviderRefused("jira", f"accessible-resources answered {status}")
    sites, person = list[dict[str, str]](), None
    for entry in listed[:_MAX_SITES]:
        site = _site(entry)
        if site is None:
            continue
        status, body = await api.get(f"/ex/jira/{site['cloud_id']}/rest/api/3/myself")
        key = text(body, "accountId")
        if status != 200 or key is None:
            continue
        person = person or Account(key, text(body, "displayName"))
        if key == person.id:
            sites.append(site)
    if person is None:
        raise ProviderRefused("jira", f"none of {len(listed)} sites knows the user")
    first = {name: sites[0][name] for name in ("cloud_id", "site_url")}
    return Account(person.id, person.name, {**first, "sites": json.dumps(sites, separators=(",", ":"))})


def _site(entry: Any) -> dict[str, str] | None:
    """A site of the list; None when its id does not belong into a path."""
    key = text(entry, "id")
    if key is None or not _CLOUD_ID.fullmatch(key):
        return None
    return {"cloud_id": key, "site_url": text(entry, "url") or "", "name": text(entry, "name") or ""}


PROVIDER = Provider(
    name="jira",
    title="Jira",
    authorize_url="https://auth.atlassian.com/authorize",
    token_url="https://auth.atlassian.com/oauth/token",  # noqa: S106 - an address
    api_base="https://api.atlassian.com",
    scopes=("read:jira-user", "read:jira-work", "write:jira-work", "offline_access"),
    # Without it there is no refresh token, and the link ends after an hour.
    needed_scopes=("offline_access",),
    authorize_extra={"audience": "api.atlassian.com", "prompt": "consent"},
    client_auth="json",
    body="json",
    rotation=Rotation(rotates=True, leeway=600.0),
    keep_alive_days=45,
    absolute_days=365,
    outcomes=Outcomes(
        dead=frozenset({"invalid_grant"}),
        ours=frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type"}),
        # The same name stands for a dead refresh token and for a client that may not ask.
        described={"unauthorized_client": ("refresh_token is invalid", "dead")},
    ),
    read_account=_account,
    secret_from="https://developer.atlassian.com/console/myapps/",  # noqa: S106 - an address
    disconnect_at="https://id.atlassian.com/manage-profile/apps",
)

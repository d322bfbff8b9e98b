"""Accounts linked at GitHub and Slack as a third party emulates them: codes, errors in a 200, whose account it is."""

import re
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.error import HTTPError

import pytest
from oauth_servers import CLIENT_SECRET, emulated
from vaults import TENANT, Vault

from gatelodge.connections.config import ProviderConfig
from gatelodge.connections.errors import CodeRefused, ProviderMisconfigured
from gatelodge.connections.linking import Linking
from gatelodge.connections.registry import Registry
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Outbound
from gatelodge.vault.owner import Owner

BACK = "http://127.0.0.1/callback"
PLACES = {
    "github": ("/login/oauth/authorize", "/login/oauth/access_token", "", "/login/oauth/callback"),
    "slack": ("/oauth/v2/authorize", "/api/oauth.v2.access", "/api", "/oauth/v2/authorize/callback"),
}


@pytest.fixture(scope="module")
def bases() -> Iterator[dict[str, str]]:
    with emulated("github", "slack") as urls:
        yield dict(zip(("github", "slack"), urls, strict=True))


def config(name: str, base: str) -> ProviderConfig:
    authorize, token, api, _ = PLACES[name]
    return ProviderConfig("gatelodge", Secret(CLIENT_SECRET), base + authorize, base + token, base + api)


@asynccontextmanager
async def linking(vault: Vault, name: str, given: ProviderConfig) -> AsyncIterator[Linking]:
    outbound, registry = Outbound(), Registry({name: given}, development=True)
    endpoints = {name: TokenEndpoint(outbound, registry.get(name))}
    yield Linking(vault.store, registry, endpoints, outbound=outbound, trail=vault.trail, clock=vault.clock)
    await outbound.aclose()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def consented(name: str, base: str) -> str:
    """The code that a user's consent gives, as the emulated page sends it."""
    query = {
        "client_id": "gatelodge",
        "redirect_uri": BACK,
        "state": "s",
        "scope": "repo",
        "user_scope": "channels:read",
    }
    page = urllib.request.urlopen(f"{base}{PLACES[name][0]}?{urllib.parse.urlencode(query)}").read().decode()  # noqa: S310
    hidden = dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', page))
    data = urllib.parse.urlencode({"login": "octocat", **hidden, **query}).encode()
    try:
        urllib.request.build_opener(_Stay()).open(base + PLACES[name][3], data)
    except HTTPError as moved:
        with moved:
            return urllib.parse.parse_qs(urllib.parse.urlsplit(moved.headers["location"]).query)["code"][0]
    raise AssertionError("no redirect")


@pytest.mark.parametrize("name", ["github", "slack"])
async def test_a_code_becomes_a_linked_account_once(sqlite_vault: Vault, bases: dict[str, str], name: str) -> None:
    given, owner = config(name, bases[name]), Owner(TENANT, "alice", name)
    code = consented(name, bases[name])
    async with linking(sqlite_vault, name, given) as service:
        record = await service.link(owner, code, verifier="v" * 43, redirect_uri=BACK, actor="user:1")
        assert record.account_id
        assert record.account_name
        with pytest.raises(CodeRefused):
            await service.link(owner, code, verifier="v" * 43, redirect_uri=BACK, actor="user:1")
    opened = await sqlite_vault.store.open(owner, actor="test", purpose="test")
    assert opened is not None
    expected = {"access_token"} | ({"user_access_token"} if name == "slack" else set())
    assert set(opened.secrets) == expected


@pytest.mark.parametrize("name", ["github", "slack"])
async def test_a_wrong_client_secret_is_the_operators_matter(
    sqlite_vault: Vault, bases: dict[str, str], name: str
) -> None:
    wrong = replace(config(name, bases[name]), client_secret=Secret("another"))
    async with linking(sqlite_vault, name, wrong) as service:
        with pytest.raises(ProviderMisconfigured) as ours:
            await service.link(
                Owner(TENANT, "alice", name), consented(name, bases[name]), verifier=None, redirect_uri=BACK, actor="a"
            )
    assert f"GATELODGE_{name.upper()}_CLIENT_ID" in ours.value.hint
    assert "another" not in str(ours.value)

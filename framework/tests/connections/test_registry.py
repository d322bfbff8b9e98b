"""Configured providers: their addresses, our client, and where a user consents."""

from dataclasses import replace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from scripted_provider import CLIENT, configured

from gatelodge.connections.config import ProviderConfig, checked_url
from gatelodge.connections.errors import ProviderMisconfigured
from gatelodge.connections.provider import authorization_url
from gatelodge.connections.registry import PROVIDERS, Registry

ALL = ("github", "jira", "slack", "notion", "coda")


def test_only_what_the_operator_set_up_is_there() -> None:
    registry = configured("github")
    assert registry.names() == ("github",)
    assert registry.configured("github")
    assert not registry.configured("jira")
    with pytest.raises(ProviderMisconfigured, match="jira: this provider is not configured"):
        registry.get("jira")
    with pytest.raises(ProviderMisconfigured, match="there is no such provider"):
        configured("gitlab")


def test_a_provider_without_client_id_or_secret_is_refused_with_the_place_to_get_them() -> None:
    for lacking in (replace(CLIENT, client_id=""), replace(CLIENT, client_secret=None)):
        with pytest.raises(ProviderMisconfigured, match=r"slack: client id and secret are needed: https://api\.slack"):
            Registry({"slack": lacking})
    with pytest.raises(ProviderMisconfigured, match="no client secret"):
        Registry({"coda": ProviderConfig()}).get("coda").client_secret()


@pytest.mark.parametrize("name", ALL)
def test_every_built_in_address_is_https_and_says_where_things_are(name: str) -> None:
    provider = PROVIDERS[name]
    addresses = [provider.api_base, provider.secret_from, provider.disconnect_at]
    addresses += [provider.authorize_url, provider.token_url] if provider.kind == "oauth" else []
    for address in addresses:
        assert checked_url(address, development=False) == address.rstrip("/")


@pytest.mark.parametrize(
    ("url", "development"),
    [
        ("http://169.254.169.254/latest", True),
        ("http://127.0.0.1:1/token", False),
        ("http://internal/token", True),
        ("https://user:word@example.com/token", True),
        ("https://example.com/token?x=1", True),
        ("https://example.com/token#x", True),
        ("file:///etc/passwd", True),
        ("gopher://example.com", True),
        ("/token", True),
    ],
)
@pytest.mark.parametrize("member", ["token_url", "authorize_url", "api_url"])
def test_an_address_that_must_not_be_asked_is_refused(url: str, development: bool, member: str) -> None:
    with pytest.raises(ProviderMisconfigured, match="one of its addresses must"):
        Registry({"github": replace(CLIENT, **cast(Any, {member: url}))}, development=development)


def test_loopback_is_for_development_and_a_slash_at_the_end_is_dropped() -> None:
    config = replace(CLIENT, api_url="http://localhost:9/api/", scopes=("read:user",))
    provider = Registry({"github": config}, development=True).get("github").provider
    assert provider.api_base == "http://localhost:9/api"
    assert provider.token_url == PROVIDERS["github"].token_url
    assert provider.scopes == ("read:user",)


def test_the_operator_may_ask_for_less_and_is_told_what_cannot_be() -> None:
    def asked(name: str, *scopes: str, member: str = "scope") -> str:
        found = Registry({name: replace(CLIENT, scopes=scopes)}).get(name).provider
        return parse_qs(urlsplit(authorization_url(found, "c", redirect_uri="r", state="s")).query)[member][0]

    assert asked("github", "read:user", "public_repo") == "read:user public_repo"
    assert asked("jira", "read:jira-work", "offline_access") == "read:jira-work offline_access"
    assert asked("slack", "channels:read", "users:read", member="user_scope") == "channels:read,users:read"
    assert asked("slack", "channels:history") == "chat:write", "the bot reads nothing, whatever the operator sets"
    for name, scopes, why in (
        ("github", ("re\npo",), "GATELODGE_GITHUB_SCOPES has 're\\\\npo', which is no name"),
        ("slack", ("a,b",), "which is no name of a scope"),
        ("jira", ("read:jira-work",), "GATELODGE_JIRA_SCOPES lacks offline_access"),
        ("notion", ("read",), "takes no scopes"),
    ):
        with pytest.raises(ProviderMisconfigured, match=why):
            Registry({name: replace(CLIENT, scopes=scopes)})


def test_the_issuer_is_the_documented_one_at_the_host_in_force() -> None:
    def issuer(name: str, authorize_url: str | None = None) -> str:
        return Registry({name: replace(CLIENT, authorize_url=authorize_url)}).get(name).provider.issuer

    assert issuer("github") == "https://github.com/login/oauth"
    assert issuer("github", "https://git.example/login/oauth/authorize") == "https://git.example/login/oauth"
    assert issuer("jira") == "https://auth.atlassian.com"
    assert issuer("notion", "https://n.example/authorize") == "https://n.example"


def consent(name: str) -> dict[str, str]:
    url = authorization_url(
        configured(name).get(name).provider,
        "our:client",
        redirect_uri="https://us.example/api/auth/callback?x",
        state="s&1",
        challenge="c" * 43,
    )
    assert url.startswith(PROVIDERS[name].authorize_url + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_each_provider_is_sent_what_it_asks_for_and_no_more() -> None:
    common = {
        "client_id": "our:client",
        "redirect_uri": "https://us.example/api/auth/callback?x",
        "response_type": "code",
        "state": "s&1",
    }
    assert consent("github") == common | {
        "scope": "read:user repo",
        "prompt": "select_account",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
    }
    assert consent("jira") == common | {
        "scope": "read:jira-user read:jira-work write:jira-work offline_access",
        "audience": "api.atlassian.com",
        "prompt": "consent",
    }
    assert consent("notion") == common | {"owner": "user"}
    own = "channels:history,channels:read,chat:write,groups:history,groups:read,search:read,users:read"
    assert consent("slack") == common | {"scope": "chat:write", "user_scope": own}, "the bot reads nothing"

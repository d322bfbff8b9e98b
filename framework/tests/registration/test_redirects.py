"""Which redirect URIs may be registered, and how a refusal is put."""

import pytest

from gatelodge.registration.config import DEFAULT_REDIRECT_HOSTS
from gatelodge.registration.errors import InvalidRedirectUri
from gatelodge.registration.redirects import MAX_LENGTH, MAX_REDIRECTS, any_port, check_redirects

ALLOWED = [
    "https://chatgpt.com/connector_platform_oauth_redirect",
    "https://chatgpt.com/connector/oauth/a1b2_C3-d4",
    "https://claude.ai/api/mcp/auth_callback",
    "https://claude.com/api/mcp/auth_callback",
    "https://vscode.dev/redirect",
    "https://insiders.vscode.dev/redirect",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "https://antigravity.google/oauth-callback",
    "https://claude.ai",
    "http://localhost:3118/callback",
    "http://localhost/callback",
    "http://127.0.0.1:33418/",
    "http://127.0.0.1",
    "http://[::1]:65535/cb",
    "https://localhost:8443/cb",
    "http://localhost:1/cb?server=a%20b&n=1",
]

REFUSED = [
    ("https://evil.example/cb", "host that is not allowed"),
    ("https://chatgpt.com.evil.example/cb", "host that is not allowed"),
    ("https://evilchatgpt.com/cb", "host that is not allowed"),
    ("https://sub.chatgpt.com/cb", "host that is not allowed"),
    ("https://chatgpt.com./cb", "host that is not allowed"),
    ("https://CHATGPT.com/cb", "host that is not allowed"),
    ("http://127.0.0.2:1/cb", "host that is not allowed"),
    ("http://127.1:1/cb", "host that is not allowed"),
    ("http://2130706433/cb", "host that is not allowed"),
    ("http://localhost.:1/cb", "host that is not allowed"),
    ("http://[::ffff:127.0.0.1]/cb", "no plain http(s) URL"),
    ("http://[::2]/cb", "host that is not allowed"),
    ("http://localhost.evil.example/cb", "host that is not allowed"),
    ("http://chatgpt.com/cb", "must be https"),
    ("https://chatgpt.com:444/cb", "must not name a port"),
    ("https://chatgpt.com:443/cb", "must not name a port"),
    ("http://localhost:0/cb", "impossible port"),
    ("http://localhost:65536/cb", "impossible port"),
    ("http://localhost:123456/cb", "no plain http(s) URL"),
    ("http://localhost:/cb", "no plain http(s) URL"),
    ("http://localhost:*/cb", "no plain http(s) URL"),
    ("https://chatgpt.com/*", "no plain http(s) URL"),
    ("https://chatgpt.com/a?b=*", "no plain http(s) URL"),
    ("*", "no plain http(s) URL"),
    ("https://user@chatgpt.com/cb", "no plain http(s) URL"),
    ("https://chatgpt.com@evil.example/cb", "no plain http(s) URL"),
    ("https://chatgpt.com\\@evil.example/cb", "no plain http(s) URL"),
    ("https://evil.example\\.chatgpt.com/cb", "no plain http(s) URL"),
    ("https://chatgpt.com/cb#fragment", "no plain http(s) URL"),
    ("https://chatgpt.com/cb#", "no plain http(s) URL"),
    ("https://chatgpt.com/a b", "no plain http(s) URL"),
    ("https://chatgpt.com/cb\n", "no plain http(s) URL"),
    (" https://chatgpt.com/cb", "no plain http(s) URL"),
    ("https://chatgpt.com/%zz", "no plain http(s) URL"),
    ("https://chatgpt.com/é", "no plain http(s) URL"),
    ("https://chatgpt\uff0ecom/cb", "no plain http(s) URL"),
    ("https:chatgpt.com/cb", "no plain http(s) URL"),
    ("https:///cb", "no plain http(s) URL"),
    ("//chatgpt.com/cb", "no plain http(s) URL"),
    ("/relative", "no plain http(s) URL"),
    ("", "no plain http(s) URL"),
    ("HTTPS://chatgpt.com/cb", "no plain http(s) URL"),
    ("cursor://anysphere.cursor-mcp/oauth/callback", "no plain http(s) URL"),
    ("javascript:alert(1)", "no plain http(s) URL"),
    ("data:text/html,x", "no plain http(s) URL"),
    ("urn:ietf:wg:oauth:2.0:oob", "no plain http(s) URL"),
    (None, "is no string"),
    (7, "is no string"),
    (["https://chatgpt.com/cb"], "is no string"),
]


@pytest.mark.parametrize("uri", ALLOWED)
def test_a_redirect_on_an_allowed_host_is_accepted(uri: str) -> None:
    check_redirects([uri], DEFAULT_REDIRECT_HOSTS)


@pytest.mark.requirement("RFC9700-2.6-https-redirects", "RFC9700-4.11.2-no-open-redirect", "MCP26-AUTH-14b")
@pytest.mark.parametrize(("uri", "reason"), REFUSED)
def test_any_other_redirect_is_refused_with_its_reason(uri: object, reason: str) -> None:
    with pytest.raises(InvalidRedirectUri) as caught:
        check_redirects([uri], DEFAULT_REDIRECT_HOSTS)
    assert caught.value.description.startswith("redirect_uris[0] ")
    assert reason in caught.value.description


def test_one_foreign_redirect_among_good_ones_is_refused_by_its_position() -> None:
    with pytest.raises(InvalidRedirectUri, match=r"^redirect_uris\[1\] is on a host") as caught:
        check_redirects(["http://localhost:1/", "https://evil.example/"], DEFAULT_REDIRECT_HOSTS)
    assert "evil.example" not in caught.value.description + caught.value.detail


def test_a_refusal_says_which_hosts_are_allowed() -> None:
    with pytest.raises(InvalidRedirectUri) as caught:
        check_redirects(["https://x/"], frozenset({"b.example", "localhost", "a.example"}))
    assert caught.value.description.endswith(
        "Allowed: https without a port on a.example, b.example; http or https with any port on localhost."
    )


def test_a_list_without_loopback_keeps_loopback_out_and_says_so() -> None:
    with pytest.raises(InvalidRedirectUri) as caught:
        check_redirects(["http://localhost:1/"], frozenset({"a.example"}))
    assert caught.value.description.endswith("Allowed: https without a port on a.example.")


def test_no_redirect_at_all_is_refused() -> None:
    with pytest.raises(InvalidRedirectUri, match="missing or empty"):
        check_redirects([], DEFAULT_REDIRECT_HOSTS)


def test_the_number_of_redirects_is_bounded() -> None:
    check_redirects(["http://localhost/"] * MAX_REDIRECTS, DEFAULT_REDIRECT_HOSTS)
    with pytest.raises(InvalidRedirectUri, match="more than 20"):
        check_redirects(["http://localhost/"] * (MAX_REDIRECTS + 1), DEFAULT_REDIRECT_HOSTS)


def test_the_length_of_a_redirect_is_bounded_as_keycloak_bounds_it() -> None:
    longest = "http://localhost/".ljust(MAX_LENGTH, "a")
    check_redirects([longest], DEFAULT_REDIRECT_HOSTS)
    with pytest.raises(InvalidRedirectUri, match="longer than 255"):
        check_redirects([longest + "a"], DEFAULT_REDIRECT_HOSTS)


def test_http_loopback_redirects_are_also_given_without_their_port() -> None:
    assert any_port(["http://localhost:3118/callback?a=1", "http://127.0.0.1:5", "http://[::1]:9/"]) == [
        "http://localhost:3118/callback?a=1",
        "http://127.0.0.1:5",
        "http://[::1]:9/",
        "http://localhost/callback?a=1",
        "http://127.0.0.1",
        "http://[::1]/",
    ]


def test_other_redirects_are_given_as_they_are_and_none_twice() -> None:
    uris = ["https://claude.ai/cb", "https://localhost:1/cb", "http://127.0.0.1/", "http://127.0.0.1:33418/"]
    assert any_port(uris) == uris

"""The development token: for direct requests from this machine, and for nothing else."""

from typing import Any

import pytest

from gatelodge.core.secret import Secret
from gatelodge.resource_server.bearer import CredentialsMalformed
from gatelodge.resource_server.development import DevelopmentConfig, DevelopmentIdentity
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.resource_server.forwarding import is_direct

TOKEN = "abcdefghijklmnopqrstuvwx"
IDENTITY = DevelopmentIdentity(
    DevelopmentConfig(Secret(TOKEN), frozenset({"notes:read"}), "http://localhost/development")
)
# As proxies and tunnels that developers use add them.
HOPS = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "X-Forwarded-For",
    "forwarded",
    "via",
    "cf-connecting-ip",
    "cf-ray",
    "cdn-loop",
    "true-client-ip",
    "x-real-ip",
    "x-client-ip",
    "x-envoy-external-address",
    "x-original-forwarded-for",
    "fly-client-ip",
    "tailscale-user-login",
    "ngrok-skip-browser-warning",
]


def scope(token: str | None = TOKEN, *, hop: str | None = None, **changed: Any) -> dict[str, Any]:
    headers = [(b"host", b"localhost:8000")]
    headers += [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    headers += [] if hop is None else [(hop.encode(), b"203.0.113.7")]
    here = {"client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000)}
    return {"type": "http", "headers": headers, "query_string": b"", **here, **changed}


async def test_the_developer_has_the_configured_scopes_and_no_more() -> None:
    principal = await IDENTITY.identify(scope())
    assert principal is not None
    assert (principal.subject, sorted(principal.scopes), principal.service) == ("developer", ["notes:read"], False)
    assert await IDENTITY.identify(scope(None)) is None


@pytest.mark.parametrize("wrong", ["x", TOKEN[:-1], TOKEN + "x", TOKEN.upper()])
async def test_another_token_is_refused(wrong: str) -> None:
    with pytest.raises(TokenRejected) as refused:
        await IDENTITY.identify(scope(wrong))
    assert refused.value.reason is Reason.SIGNATURE


@pytest.mark.parametrize("hop", HOPS)
async def test_the_right_token_through_a_proxy_is_refused(hop: str) -> None:
    with pytest.raises(TokenRejected) as refused:
        await IDENTITY.identify(scope(hop=hop))
    assert refused.value.reason is Reason.HOP


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"client": ("192.0.2.1", 50000)},
        {"client": None},
        {"client": ("", 0)},
        {"server": ("192.0.2.1", 8000)},
        {"server": ("/run/server.sock", None)},
        {"server": None},
    ],
)
async def test_the_right_token_from_elsewhere_is_refused(elsewhere: dict[str, Any]) -> None:
    with pytest.raises(TokenRejected) as refused:
        await IDENTITY.identify(scope(**elsewhere))
    assert refused.value.reason is Reason.HOP


async def test_ipv6_loopback_is_this_machine_too() -> None:
    assert is_direct(scope(client=("::1", 1), server=("::1", 2)))
    assert not is_direct(scope(client=("::2", 1), server=("::1", 2)))


async def test_the_token_in_two_headers_or_in_the_url_is_refused() -> None:
    twice = scope()
    twice["headers"] += [(b"authorization", f"Bearer {TOKEN}".encode())]
    for malformed in (twice, scope(None, query_string=f"access_token={TOKEN}".encode())):
        with pytest.raises(CredentialsMalformed):
            await IDENTITY.identify(malformed)

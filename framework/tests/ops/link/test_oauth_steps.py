"""The single steps: right by default, and wrong exactly as asked."""

import base64
import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from scripted_realm import ISSUER, MCP_URL

from gatelodge.ops.link import oauth_steps
from gatelodge.ops.link.oauth_types import AuthorizationServer, OAuthRefused, Pkce, RegisteredClient, TokenSet
from gatelodge.ops.link.obtain import Obtained, obtain_tokens
from gatelodge.ops.link.target import LOOPBACK_REDIRECT
from gatelodge.outbound.client import Outbound

if TYPE_CHECKING:
    from ops.link.conftest import World

SERVER = AuthorizationServer(ISSUER, f"{ISSUER}/auth", f"{ISSUER}/token", f"{ISSUER}/register")


async def obtain(world: "World", **arguments: object) -> Obtained:
    given = {"browser": world.browser(), "outbound": world.outbound} | arguments
    return await obtain_tokens(world.target, **given)  # type: ignore[arg-type]


def answering(status: int, body: object) -> tuple[Outbound, list[httpx2.Request]]:
    seen: list[httpx2.Request] = []

    async def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(status, json=body)

    return Outbound(transport=httpx2.MockTransport(answer)), seen


async def test_a_whole_round_gives_tokens_for_the_scopes_asked_for(world: "World") -> None:
    got = await obtain(world)
    assert got.tokens.scopes == {"deep-research:read"}
    assert got.tokens.refresh_token
    assert got.tokens.expires_in == 300
    assert got.client.client_id == "client-1"
    authorize = parse_qs(urlsplit(world.realm.requests[0][1]).query)
    assert authorize["resource"] == [MCP_URL]
    assert authorize["code_challenge_method"] == ["S256"]
    form = world.realm.requests[-1][2]
    assert (form["resource"], form["client_id"], form["redirect_uri"]) == (MCP_URL, "client-1", LOOPBACK_REDIRECT)


async def test_a_known_client_is_not_registered_again(world: "World") -> None:
    first = await obtain(world)
    await obtain(world, client=first.client)
    assert len(world.realm.registered) == 1


async def test_a_refresh_token_is_sent_as_often_as_asked_and_its_refusal_told(world: "World") -> None:
    got = await obtain(world)
    assert got.tokens.refresh_token
    again = (got.server, got.client, got.tokens.refresh_token)
    renewed = await oauth_steps.refresh(world.outbound, *again, resource=MCP_URL)
    assert renewed.access_token != got.tokens.access_token
    with pytest.raises(OAuthRefused) as caught:
        await oauth_steps.refresh(world.outbound, *again, resource=MCP_URL)
    assert (caught.value.step, caught.value.http_status, caught.value.error) == ("refresh", 400, "invalid_grant")


@pytest.mark.parametrize("method", ["plain", None])
async def test_a_wrong_or_missing_pkce_method_is_sent_as_asked(world: "World", method: str | None) -> None:
    with pytest.raises(OAuthRefused) as caught:
        await obtain(world, pkce_method=method)
    assert (caught.value.step, caught.value.error) == ("sign-in", "invalid_request")
    authorize = parse_qs(urlsplit(world.realm.requests[0][1]).query)
    assert authorize.get("code_challenge_method") == ([method] if method else None)


async def test_denied_consent_is_the_error_of_the_sign_in(world: "World") -> None:
    with pytest.raises(OAuthRefused) as caught:
        await obtain(world, browser=world.browser(consent=False))
    assert (caught.value.step, caught.value.error) == ("sign-in", "access_denied")


async def test_another_resource_or_none_is_sent_as_asked(world: "World") -> None:
    await obtain(world, resource="https://other.test/mcp")
    assert world.realm.requests[-1][2]["resource"] == "https://other.test/mcp"
    await obtain(world, send_resource=False)
    assert "resource" not in world.realm.requests[-1][2]


@pytest.mark.requirement("RFC9207-2.4-compared")
async def test_an_answer_of_another_issuer_is_refused_by_the_client(world: "World") -> None:
    world.realm.faults.iss = "https://evil.test/realms/mcp"
    with pytest.raises(OAuthRefused, match="iss_mismatch"):
        await obtain(world)


@pytest.mark.requirement("RFC9700-2.1-csrf")
async def test_an_answer_to_another_request_is_refused_by_the_client(world: "World") -> None:
    with pytest.raises(OAuthRefused, match="state_mismatch"):
        await obtain(world, extra={"state": "of-another-request"})


async def test_a_refused_registration_is_told_with_the_servers_words(world: "World") -> None:
    world.realm.faults.registration = {"error": "invalid_redirect_uri", "error_description": "not on the list"}
    with pytest.raises(OAuthRefused, match=r"registration: status 403, error invalid_redirect_uri: not on the list"):
        await obtain(world)


@pytest.mark.requirement("RFC8414-3.3-issuer-identical")
async def test_metadata_that_names_another_issuer_is_refused(world: "World") -> None:
    world.realm.faults.metadata_issuer = f"{ISSUER}/"
    with pytest.raises(OAuthRefused, match="names another issuer"):
        await obtain(world)


@pytest.mark.requirement("RFC9728-3.3-client-compares")
@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"resource": f"{MCP_URL}/", "authorization_servers": [ISSUER]}, "does not name"),
        ({"resource": MCP_URL, "authorization_servers": []}, "does not name"),
        ({"resource": MCP_URL}, "does not name"),
    ],
)
async def test_resource_metadata_must_name_the_url_and_an_issuer(document: dict[str, object], why: str) -> None:
    outbound, _ = answering(200, document)
    with pytest.raises(OAuthRefused, match=why):
        await oauth_steps.discover(outbound, MCP_URL)


async def test_metadata_without_an_endpoint_is_told() -> None:
    outbound, _ = answering(
        200, {"resource": MCP_URL, "authorization_servers": [ISSUER], "issuer": ISSUER, "token_endpoint": "t"}
    )
    with pytest.raises(OAuthRefused, match="authorization_endpoint"):
        await oauth_steps.discover(outbound, MCP_URL)


async def test_no_registration_endpoint_is_told_before_anything_is_sent() -> None:
    outbound, seen = answering(201, {})
    server = AuthorizationServer(ISSUER, "a", "t")
    with pytest.raises(OAuthRefused, match="registration_endpoint"):
        await oauth_steps.register(outbound, server, {})
    assert seen == []


async def test_a_registration_answer_without_a_client_id_is_refused() -> None:
    outbound, _ = answering(201, {"client_name": "x"})
    with pytest.raises(OAuthRefused, match="no client_id"):
        await oauth_steps.register(outbound, SERVER, {})


@pytest.mark.parametrize(
    ("method", "authorization", "secret_in_body"),
    [("client_secret_basic", "Basic Yy0xJTNBeDpzJTJGMQ==", False), ("client_secret_post", None, True)],
)
async def test_a_confidential_client_authenticates_as_it_was_registered(
    method: str, authorization: str | None, secret_in_body: bool
) -> None:
    outbound, seen = answering(200, {"access_token": "a.b.c"})
    client = RegisteredClient("c-1:x", "s/1", method)
    await oauth_steps.exchange(outbound, SERVER, client, code="k", redirect_uri="r", pkce=None, resource=None)
    form = parse_qs(seen[0].content.decode())
    assert seen[0].headers.get("authorization") == authorization
    assert ("client_secret" in form) is secret_in_body
    assert "code_verifier" not in form


async def test_a_narrower_scope_can_be_asked_for_on_refresh() -> None:
    outbound, seen = answering(200, {"access_token": "a.b.c", "scope": "x"})
    await oauth_steps.refresh(outbound, SERVER, RegisteredClient("c"), "old", scopes=["x", "y"])
    assert parse_qs(seen[0].content.decode())["scope"] == ["x y"]


async def test_a_token_answer_without_a_token_is_refused() -> None:
    outbound, _ = answering(200, {"token_type": "Bearer"})
    with pytest.raises(OAuthRefused, match="no access_token"):
        await oauth_steps.refresh(outbound, SERVER, RegisteredClient("c"), "old")


def test_a_pkce_pair_fits_and_is_new_every_time() -> None:
    pair = Pkce.new()
    digest = hashlib.sha256(pair.verifier.encode()).digest()
    assert base64.urlsafe_b64decode(pair.challenge + "=") == digest
    assert 43 <= len(pair.verifier) <= 128
    assert pair.verifier != Pkce.new().verifier
    assert Pkce.new("plain").method == "plain"


def test_the_known_pair_of_rfc_7636_appendix_b_is_met() -> None:
    pair = Pkce("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert pair.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_claims_are_read_from_the_payload() -> None:
    payload = base64.urlsafe_b64encode(json.dumps({"aud": MCP_URL}).encode()).decode().rstrip("=")
    assert TokenSet(f"h.{payload}.s").claims() == {"aud": MCP_URL}


def test_no_repr_shows_a_token_a_secret_or_a_verifier() -> None:
    shown = repr([TokenSet("tok-a", "tok-r", "tok-i"), RegisteredClient("c", "tok-s"), Pkce("tok-v")])
    assert "tok-" not in shown

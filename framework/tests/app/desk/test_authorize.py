"""Sign-ins of clients with a document: who is passed on, to where, and who is told what (B8, M12, M13)."""

import logging
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from administered_realm import AdministeredRealm
from desks import Desk, Desks
from registering_realm import ISSUER
from shelf import document

AUTH = "/realms/mcp/protocol/openid-connect/auth"
GOOD = "https://good.example/oauth/client.json"
CALLBACK = "http://127.0.0.1:40123/callback"


def asked(client_id: str, **more: str) -> str:
    given = {"client_id": client_id, "redirect_uri": CALLBACK, "response_type": "code", "state": "s~1", **more}
    return f"{AUTH}?{urlencode(given)}"


async def test_a_document_becomes_a_client_and_the_browser_goes_on_with_the_same_request(desk: Desk) -> None:
    desk.shelf.put(GOOD, document(GOOD))
    url = asked(GOOD)
    answer = await desk.http.get(url)
    assert answer.status_code == 302
    assert answer.headers["location"] == f"https://localhost:8443{url}&gatelodge_client=ready"
    assert answer.headers["cache-control"] == "no-store"
    made = desk.realm.clients[GOOD]
    assert made["publicClient"] is True
    assert made["consentRequired"] is True
    assert made["name"] == "Tester (good.example)"
    assert set(made["redirectUris"]) == {"http://127.0.0.1/callback"}


async def test_a_known_client_costs_no_call_and_no_fetch(desk: Desk) -> None:
    desk.shelf.put(GOOD, document(GOOD))
    await desk.http.get(asked(GOOD))
    calls, fetched = len(desk.realm.calls), len(desk.shelf.fetched)
    for _ in range(5):
        assert (await desk.http.get(asked(GOOD))).status_code == 302
    assert len(desk.realm.calls) == calls
    assert len(desk.shelf.fetched) == fetched


async def test_a_client_that_was_removed_is_made_again_after_a_minute(desk: Desk) -> None:
    desk.shelf.put(GOOD, document(GOOD))
    await desk.http.get(asked(GOOD))
    desk.realm.clients.clear()
    desk.clock.advance(61)
    await desk.http.get(asked(GOOD))
    assert GOOD in desk.realm.clients


RAW = [
    f"client_id={GOOD}&redirect_uri=https://evil.example/x",
    f"client_id={quote(GOOD, safe='')}&scope=a+b&state=%2526%00%0d%0aX-Evil:1",
    f"client_id={GOOD}&x='\"<script>`^|\\{{}}[]",
    f"client_id={GOOD}#fragment",
    f"client_id={GOOD}&next=//evil.example&redirect_uri=javascript:alert(1)",
    f"=&&client_id={GOOD}&=&%zz",
    f"client%5Fid={GOOD}",
]


@pytest.mark.requirement("RFC9700-4.11.2-no-open-redirect")
@pytest.mark.parametrize("query", RAW)
async def test_whatever_the_request_holds_the_browser_goes_to_the_issuer_and_nowhere_else(
    desk: Desk, query: str
) -> None:
    desk.shelf.put(GOOD, document(GOOD))
    answer = await raw_get(desk, query)
    if answer["status"] == 302:
        location = answer["location"]
        assert location.startswith(f"{ISSUER}/protocol/openid-connect/auth?")
        assert location.isascii()
        assert location.isprintable()
        assert not set(location) & set(' "<>\\^`{}#')
        parts = urlsplit(location)
        assert parse_qs(parts.query)["gatelodge_client"] == ["ready"]
        assert not parts.fragment
    else:
        assert answer["status"] == 400
        assert answer["location"] is None


async def raw_get(desk: Desk, query: str) -> dict[str, Any]:
    """The answer to a query that is sent byte by byte."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": AUTH, "query_string": query.encode(), "headers": []}
    await desk.app(scope, receive, send)
    headers = dict(sent[0]["headers"])
    location = headers.get(b"location")
    return {"status": sent[0]["status"], "location": location.decode() if location else None}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "client_id=",
        "client_id=https://good.example/c&client_id=https://good.example/c",
        f"client_id={GOOD}&client_id=other",
        f"client_id={GOOD}&gatelodge_client=ready",
        f"client_id={GOOD}&gatelodge%5Fclient=",
        "client_id=%ff%fe",
    ],
)
async def test_a_request_without_one_meaning_is_refused_and_nothing_is_fetched(desk: Desk, query: str) -> None:
    answer = await desk.http.get(f"{AUTH}?{query}")
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert desk.shelf.fetched == []
    assert desk.realm.calls == []


INVALID = {
    "upper-case": "HTTPS://good.example/c",
    "user": "https://good.example@evil.example/c",
    "no-path": "https://good.example",
    "query": "https://good.example/c?x=1",
    "fragment": "https://good.example/c#x",
    "port": "https://good.example:8443/c",
    "address": "https://127.0.0.1/c",
    "number": "https://2130706433/c",
    "mapped": "https://[::ffff:127.0.0.1]/c",
    "metadata": "https://169.254.169.254/latest",
    "dots": "https://good.example/../c",
    "hidden-dots": "https://good.example/%2e%2e/c",
    "wildcard": "https://*.example/c",
    "long": "https://good.example/" + "c" * 300,
    "unicode": "https://goöd.example/c",
    "markup": "https://good.example/<b>",
}


@pytest.mark.parametrize("client_id", INVALID.values(), ids=INVALID.keys())
@pytest.mark.parametrize("mode", ["allow-list", "open"])
async def test_an_id_that_is_no_documents_url_gets_a_page_and_is_never_fetched(
    desks: Desks, mode: str, client_id: str
) -> None:
    async with desks.running(client_documents=mode) as desk:
        answer = await desk.http.get(asked(client_id))
        assert answer.status_code == 400
        assert "<b>" not in answer.text
        assert desk.shelf.fetched == []
        assert desk.realm.clients == {}


async def test_a_host_that_is_not_allowed_is_refused_with_the_hosts_that_are(desk: Desk) -> None:
    answer = await desk.http.get(asked("https://other.example/c.json"))
    assert answer.status_code == 400
    assert "chatgpt.com, good.example" in answer.text
    assert desk.shelf.fetched == []
    assert desk.realm.clients == {}
    told = await desk.http.get(asked("https://other.example/c.json"), headers={"accept": "application/json"})
    assert told.json()["error"] == "unauthorized_client"


async def test_a_client_that_a_person_made_goes_on_untouched_whatever_its_host(desk: Desk) -> None:
    for client_id in ("https://other.example/c.json", GOOD):
        theirs = {"id": f"theirs-{client_id}", "clientId": client_id, "name": "By hand"}
        desk.realm.clients[client_id] = dict(theirs)
        desk.shelf.put(client_id, document(client_id))
        assert (await desk.http.get(asked(client_id))).status_code == 302
        assert desk.realm.clients[client_id] == theirs


async def test_a_document_that_widens_its_redirects_beyond_its_host_is_refused(desk: Desk) -> None:
    for uri in ("https://evil.example/cb", "https://sub.good.example/cb", "https://good.example.evil.example/cb"):
        client_id = f"https://good.example/{len(uri)}"
        desk.shelf.put(client_id, document(client_id, redirect_uris=["https://good.example/cb", uri]))
        answer = await desk.http.get(asked(client_id))
        assert answer.status_code == 400
        assert "redirect_uris" in answer.text
        assert "evil" not in answer.text.replace(client_id, "")
    assert desk.realm.clients == {}


async def test_without_an_account_or_with_documents_off_the_request_goes_straight_on(desks: Desks) -> None:
    for values in ({"desk_secret": None}, {"client_documents": "off"}):
        async with desks.running(**values) as desk:
            answer = await desk.http.get(asked("https://whatever.example/c"))
            assert answer.headers["location"].endswith("&gatelodge_client=ready")
            assert desk.shelf.fetched == []
            assert desk.realm.calls == []


# When others are away


async def test_a_document_that_cannot_be_fetched_is_said_so_with_a_time(desk: Desk) -> None:
    desk.shelf.down = True
    answer = await desk.http.get(asked(GOOD))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert desk.realm.clients == {}


async def test_a_client_that_keycloak_knows_signs_in_while_its_document_is_away(desks: Desks) -> None:
    realm = AdministeredRealm()
    async with desks.running(realm=realm) as desk:
        desk.shelf.put(GOOD, document(GOOD))
        await desk.http.get(asked(GOOD))
    async with Desks(desks.state.with_name("fresh")).running(realm=realm) as desk:
        desk.shelf.down = True
        assert (await desk.http.get(asked(GOOD))).status_code == 302


async def test_while_keycloak_is_away_the_page_says_when_to_try_again(desk: Desk) -> None:
    desk.shelf.put(GOOD, document(GOOD))
    desk.realm.admin_status = 500
    answer = await desk.http.get(asked(GOOD))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    desk.realm.admin_status = 200
    assert (await desk.http.get(asked(GOOD))).status_code == 302


async def test_with_an_account_that_keycloak_refuses_known_clients_still_sign_in(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.shelf.put(GOOD, document(GOOD))
    desk.realm.admin_status = 403
    caplog.set_level(logging.ERROR, "gatelodge")
    assert (await desk.http.get(asked(GOOD))).status_code == 302
    assert "gatelodge-desk" in caplog.text


async def test_a_withdrawn_document_lets_people_sign_in_until_its_grace_is_over(desks: Desks) -> None:
    async with desks.running(withdrawn_grace=3600) as desk:
        desk.shelf.put(GOOD, document(GOOD))
        await desk.http.get(asked(GOOD))
        desk.shelf.put(GOOD, b"", 404)
        desk.clock.advance(86_400)
        assert (await desk.http.get(asked(GOOD))).status_code == 302
        desk.clock.advance(3601)
        gone = await desk.http.get(asked(GOOD))
        assert gone.status_code == 400
        assert "gone" in gone.text
        assert desk.realm.clients[GOOD]["enabled"] is False


# Keys, for Keycloak


SIGNING = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://good.example/keys"}
KEY = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "1",
    "use": "sig",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}


async def test_keycloak_reads_a_signing_clients_keys_from_the_desk_alone(desk: Desk) -> None:
    desk.shelf.put(GOOD, document(GOOD, **SIGNING))
    desk.shelf.put("https://good.example/keys", {"keys": [KEY]})
    assert (await desk.http.get(asked(GOOD))).status_code == 302
    made = desk.realm.clients[GOOD]
    url = made["attributes"]["jwks.url"]
    assert url.startswith("http://127.0.0.1:8001/internal/clients/")
    answer = await desk.http.get(urlsplit(url).path)
    assert [key["kid"] for key in answer.json()["keys"]] == ["1"]
    assert (await desk.http.get(urlsplit(url).path, headers={"x-forwarded-for": "1.2.3.4"})).status_code == 404


@pytest.mark.parametrize(
    "segment", ["", "x", "aHR0cHM6Ly9vdGhlci5leGFtcGxlL2M", "aHR0cHM6Ly9nb29k=", "..", "%2e%2e", "é"]
)
async def test_keys_of_a_client_without_a_held_document_are_not_found(desk: Desk, segment: str) -> None:
    assert (await desk.http.get(f"/internal/clients/{segment}/jwks.json")).status_code == 404
    assert desk.shelf.fetched == []


# Metadata


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, True),
        ({"client_documents": "open"}, True),
        ({"client_documents": "off"}, None),
        ({"desk_secret": None}, None),
    ],
)
async def test_documents_are_advertised_only_where_they_work(
    desks: Desks, values: dict[str, Any], said: bool | None
) -> None:
    async with desks.running(**values) as desk:
        answer = (await desk.http.get("/realms/mcp/.well-known/oauth-authorization-server")).json()
    assert answer.get("client_id_metadata_document_supported") is said
    assert {"none", "private_key_jwt"} <= set(answer["token_endpoint_auth_methods_supported"])
    assert "ES256" in answer["token_endpoint_auth_signing_alg_values_supported"]
    assert "pushed_authorization_request_endpoint" not in answer

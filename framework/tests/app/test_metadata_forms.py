"""Metadata where clients look for it, JSON everywhere else below ``.well-known``, and one challenge for all methods."""

from typing import Any

import httpx2
import pytest
from problems import constant, members, told
from protected import ISSUER, PUBLIC_URL, Serve, mixed_server, private_server

from gatelodge import protect
from gatelodge.core.codes import Code
from gatelodge.settings.server import ServerSettings

ISSUER_FORMS = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/mcp",
    "/mcp/.well-known/openid-configuration",
    "/mcp/.well-known/oauth-authorization-server",
]
UNKNOWN = [
    "/.well-known",
    "/mcp/.well-known",
    "/.well-known/",
    "/.well-known/nosuch",
    "/.well-known/oauth-authorization-server/other",
    "/.well-known/oauth-protected-resource/other",
    "/.well-known/openid-configuration/realms/mcp",
    "/mcp/.well-known/",
    "/mcp/.well-known/oauth-protected-resource",
    "/mcp/.well-known/a/b",
]


async def test_every_form_of_the_issuers_metadata_is_the_same_document(serve: Serve) -> None:
    served = await serve(private_server())
    documents = [await served.http.get(path) for path in ISSUER_FORMS]
    assert {response.status_code for response in documents} == {200}
    assert len({response.content for response in documents}) == 1
    document = documents[0].json()
    assert document["issuer"] == ISSUER
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert "none" in document["token_endpoint_auth_methods_supported"]
    assert "offline_access" in document["scopes_supported"]
    for response in documents:
        assert response.headers["content-type"] == "application/json"
        assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", UNKNOWN)
async def test_every_other_well_known_path_is_404_in_json(serve: Serve, method: str, path: str) -> None:
    served = await serve(private_server())
    for headers in ({}, served.bearer("notes:read")):
        response = await served.http.request(method, path, headers=headers)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
        assert method == "HEAD" or told(response) == members(Code.NOT_FOUND)
        # A browser would report a network error instead of the 404.
        assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_get_head_and_post_give_the_same_challenge(serve: Serve, path: str) -> None:
    for mcp in (private_server(), mixed_server()):
        served = await serve(mcp)
        answers: dict[str, httpx2.Response] = {
            method: await served.http.request(method, path) for method in ("GET", "HEAD", "POST")
        }
        assert {response.status_code for response in answers.values()} == {401}
        assert len({response.headers["www-authenticate"] for response in answers.values()}) == 1
        assert len({response.headers["content-length"] for response in answers.values()}) == 1
        assert constant(answers["GET"]) == constant(answers["POST"]) == members(Code.TOKEN_MISSING, "unauthorized")


async def test_a_bad_token_gives_the_same_challenge_for_every_method(serve: Serve) -> None:
    served = await serve(private_server())
    expired = served.bearer(exp=1)
    challenges = {
        (await served.http.request(method, "/mcp", headers=expired)).headers["www-authenticate"]
        for method in ("GET", "HEAD", "POST", "DELETE")
    }
    assert len(challenges) == 1
    assert 'error="invalid_token"' in challenges.pop()


async def test_the_challenge_to_head_has_no_body() -> None:
    app = protect(private_server(), ServerSettings(public_url=PUBLIC_URL, issuer=ISSUER))
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "HEAD",
        "path": "/mcp",
        "query_string": b"",
        "headers": [(b"host", b"localhost:8443")],
    }
    # Asked without an HTTP library, which would hide a body.
    await app(scope, receive, send)
    assert sent[0]["status"] == 401
    assert b"".join(message.get("body", b"") for message in sent[1:]) == b""

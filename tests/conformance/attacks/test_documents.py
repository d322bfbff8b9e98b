"""Catalogue D05: the resource's metadata is one constant document, whatever a request says of itself (RFC 9728, 3)."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from protected import ISSUER, PUBLIC_URL
from results import record
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from conformance.attacks.in_process import Matrix, running
from conformance.attacks.world import World
from gatelodge.app.documents import shared

ORIGIN = PUBLIC_URL.removesuffix("/mcp")
FORMS = ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp")
# What a request may say of its way; none of it may be believed.
SAID: tuple[dict[str, str], ...] = (
    {},
    {"host": "localhost:8443"},
    {"host": "LOCALHOST:8443"},
    {"x-forwarded-host": "evil.example"},
    {"x-forwarded-proto": "http", "x-forwarded-port": "1"},
    {"x-forwarded-prefix": "/evil"},
    {"forwarded": "host=evil.example;proto=http"},
    {"x-original-url": "/evil", "x-rewrite-url": "/evil"},
    {"x-host": "evil.example", "x-forwarded-server": "evil.example"},
    {"authorization": "Bearer x", "accept": "text/html"},
    {"origin": "http://localhost:6274"},
)
FOREIGN = ("evil.example", "evil.example:8443", "localhost:8443.evil.example", "localhost:8443/evil", "")


@pytest.fixture
def http(matrix: Matrix) -> httpx2.AsyncClient:
    return matrix.http["default"]


async def different(http: httpx2.AsyncClient) -> list[str]:
    """Forms and headers whose answer is not the golden one."""
    golden: dict[str, Any] = {
        "resource": PUBLIC_URL,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "resource_name": "private",
        "scopes_supported": ["notes:read"],
    }
    found: list[str] = []
    for form in FORMS:
        for said in SAID:
            response = await http.get(f"{ORIGIN}{form}", headers=said)
            document = response.json() if response.status_code == 200 else {}
            if said.get("origin"):
                # A page of an allowed origin may read it: that is how browser tools find the issuer.
                document = document if response.headers.get("access-control-allow-origin") == "*" else {}
            if document != golden:
                found.append(f"{form} {said}: {response.status_code} {response.text[:200]}")
    return found


@pytest.mark.requirement("MCP26-AUTH-02b", "RFC9728-3.3-resource-equals")
async def test_the_document_is_golden_in_every_form_and_with_every_header(http: httpx2.AsyncClient) -> None:
    assert await different(http) == []
    documents = [await http.get(f"{ORIGIN}{form}") for form in FORMS]
    assert len({response.content for response in documents}) == 1
    for response in documents:
        assert "offline_access" not in response.text
        assert "max-age" in response.headers["cache-control"]
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["content-type"] == "application/json"
    record(
        1,
        "metadata of the resource, D05",
        tried=len(FORMS) * len(SAID),
        passed=len(FORMS) * len(SAID),
        command=".venv/bin/pytest tests/conformance/attacks/test_documents.py",
        negative_control="a document built from Host and X-Forwarded-Host is told apart",
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("host", FOREIGN)
async def test_another_host_gets_no_document(http: httpx2.AsyncClient, form: str, host: str) -> None:
    response = await http.get(f"{ORIGIN}{form}", headers={"host": host})
    assert response.status_code == 421
    assert "evil" not in response.text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_the_document_is_only_read(http: httpx2.AsyncClient, form: str, method: str) -> None:
    assert (await http.request(method, f"{ORIGIN}{form}")).status_code in {404, 405}


async def test_a_document_made_from_the_request_is_told_apart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    plain: Callable[..., Any] = shared

    def lenient(path: str, methods: list[str], endpoint: Any) -> Any:
        async def made(request: Request) -> Response:
            host = request.headers.get("x-forwarded-host", request.headers["host"])
            answer: Response = await endpoint(request)
            if "oauth-protected-resource" not in path or host == "localhost:8443":
                return answer
            return JSONResponse({"resource": f"https://{host}/mcp", "authorization_servers": [ISSUER]})

        return plain(path, methods, made)

    monkeypatch.setattr("gatelodge.app.routes.shared", lenient)
    async with running(world, {"default": {}}) as weak:
        found = await different(weak.http["default"])
    assert any("x-forwarded-host" in each for each in found)

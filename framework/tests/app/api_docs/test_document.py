"""The description of the HTTP endpoints: whole, valid OpenAPI 3.1, with examples that are as they say."""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2
import jsonschema  # type: ignore[import-untyped]
import pytest
import schemathesis
from desks import Desks
from fastmcp import FastMCP
from lifespan import alive
from protected import mixed_server
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.definitions import OPENAPI_31
from starlette.applications import Starlette
from starlette.routing import Route

from gatelodge import protect
from gatelodge.app.api_docs.errors import example
from gatelodge.core.codes import Code
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

ORIGIN = "https://localhost:8443"
ISSUER = f"{ORIGIN}/realms/mcp"
Made = tuple[Starlette, dict[str, Any], str]
KINDS = ("sample", "workspace", "bearer", "desk")


@asynccontextmanager
async def _application(kind: str, folder: Path, settle: Callable[[dict[str, str]], None]) -> AsyncIterator[Any]:
    if kind == "desk":
        async with Desks(folder).running() as desk:
            yield desk.app
        return
    url = f"{ORIGIN}/mcp" if kind == "sample" else f"{ORIGIN}/workspace/mcp"
    given = {"PUBLIC_URL": url, "ISSUER": ISSUER, "STATE_DIR": str(folder / "state")}
    if kind == "bearer":
        given |= {"AUTH_MODE": "bearer", "DEV_TOKEN": "a" * 32, "DEV_SCOPES": "workspace:read"}
    if kind == "workspace":
        given |= {"GITHUB_CLIENT_ID": "c", "GITHUB_CLIENT_SECRET": "s", "TOKEN_SERVICE_CLIENTS": "beside"}
    settle(given)
    clock = ManualClock()
    issuer = FakeIssuer(TokenFactory(ISSUER, url, clock))
    server: FastMCP[Any] = mixed_server() if kind == "sample" else FastMCP("workspace")
    packs = ("github",) if kind == "workspace" else ()
    app = protect(server, packs=packs, outbound=issuer.outbound(), clock=clock)
    async with alive(app):
        yield app


@pytest.fixture(params=KINDS)
async def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Made]:
    """An application, its document and its page."""

    def settle(given: dict[str, str]) -> None:
        monkeypatch.chdir(tmp_path)
        for name, value in given.items():
            monkeypatch.setenv(f"GATELODGE_{name}", value)

    base = "/workspace" if request.param in {"workspace", "bearer"} else ""
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(_application(request.param, tmp_path, settle))
        transport = httpx2.ASGITransport(app=app)
        http = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url=ORIGIN))
        document = await http.get(f"{base}/openapi.json")
        page = await http.get(f"{base}/docs")
        assert (document.status_code, page.status_code) == (200, 200)
        assert document.headers["access-control-allow-origin"] == "*"
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "script" not in policy
        yield app, document.json(), page.text


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_each_route_is_described_and_nothing_else(made: Made) -> None:
    app, document, _ = made
    served = {
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or {"GET"}) - {"HEAD", "OPTIONS"}
        # These answer 404 to whatever well-known document there is not.
        if not re.search(r"/\.well-known(/\{rest:path\})?$", route.path)
    }
    author = {("GET", "/page")} if "/page" in document["paths"] else set()
    endpoint = {("POST", path) for path in document["paths"] if path.endswith("/mcp") and ".well-known" not in path}
    described = {(method, path) for method, path, _ in operations(document)}
    assert described == served | author | endpoint
    assert len(described) > 10
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))


def test_the_document_is_openapi_3_1(made: Made) -> None:
    _, document, _ = made
    assert document["openapi"].startswith("3.1.")
    faults = [error.message for error in jsonschema.Draft202012Validator(OPENAPI_31).iter_errors(document)]
    assert faults == []
    broken = document | {"paths": {"no-slash": {"get": {"responses": {}}}}}
    assert list(jsonschema.Draft202012Validator(OPENAPI_31).iter_errors(broken)), "the schema finds faults"
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert name
    loaded = list(schemathesis.openapi.from_dict(document).get_all_operations())
    assert all(isinstance(each, Ok) for each in loaded)
    assert len(loaded) == len(list(operations(document)))


def _resolved(document: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return given | {"components": document["components"]}


def test_each_example_is_valid_by_its_schema(made: Made) -> None:
    _, document, _ = made
    seen = 0
    for _, path, operation in operations(document):
        contents = [operation["requestBody"]["content"]] if "requestBody" in operation else []
        contents += [answer["content"] for answer in operation["responses"].values() if "content" in answer]
        for media, content in ((media, each) for group in contents for media, each in group.items()):
            if media == "application/json" and "schema" in content and "$ref" in content["schema"]:
                assert "example" in content or "examples" in content or "406" in operation["responses"], path
            values = [content["example"]] if "example" in content else []
            values += [
                document["components"]["examples"][reference["$ref"].rsplit("/")[-1]]["value"]
                for reference in content.get("examples", {}).values()
            ]
            for value in values:
                jsonschema.validate(value, _resolved(document, content["schema"]), jsonschema.Draft202012Validator)
                seen += 1
        for parameter in operation.get("parameters", ()):
            jsonschema.validate(parameter["example"], parameter["schema"])
    assert seen > 40


def test_each_reference_leads_somewhere_and_each_error_has_an_example(made: Made) -> None:
    _, document, _ = made
    for found in set(re.findall(r'"\$ref": "(#/[^"]+)"', json.dumps(document))):
        target: Any = document
        for part in found.removeprefix("#/").split("/"):
            target = target[part]
    for _, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "400" and status not in {"406", "415"}:
                assert any(content.get("examples") for content in answer["content"].values()), (path, status)


def test_an_example_has_the_status_under_which_it_stands(made: Made) -> None:
    _, document, _ = made
    for _, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values():
                for reference in content.get("examples", {}).values():
                    name = reference["$ref"].rsplit("/")[-1]
                    assert document["components"]["examples"][name]["value"]["status"] == int(status)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: set[str] = set()
        self.ids: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads |= {
            value or "" for name, value in attrs if name in {"src", "href", "style"} or name.startswith("on")
        }
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_every_operation_and_loads_nothing(made: Made) -> None:
    _, document, text = made
    page = _Page()
    page.feed(text)
    assert not {"script", "link", "img", "iframe", "object", "form"} & page.tags
    assert page.loads == {"openapi.json"}
    for method, path, operation in operations(document):
        assert f"{method} {path}" in page.text
        assert operation["operationId"] in page.ids
    assert len(page.ids) == len(set(page.ids))


def test_no_example_of_a_code_is_left_over_and_none_that_requests_meet_is_missing(made: Made) -> None:
    _, document, _ = made
    used = set(re.findall(r"#/components/examples/([a-z_0-9]+)", json.dumps(document["paths"])))
    assert used == document["components"]["examples"].keys()
    for name, each in document["components"]["examples"].items():
        assert each["value"] | {"status": 0} == example(Code(each["value"]["code"])) | {"status": 0}, name

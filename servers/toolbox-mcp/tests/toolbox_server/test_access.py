"""Who sees and calls what: by token, scope, and the two kinds of names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from lifespan import alive
from protected import result_of
from wire import LEGACY, call
from wire import MODERN as NEW

from gatelodge import protect
from gatelodge.settings.server import ServerSettings
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory
from toolbox.server import toolbox
from toolbox.settings import ToolboxSettings

URL, ISSUER = "https://localhost:8443/toolbox/mcp", "https://localhost:8443/realms/mcp"
ALLOWED = "Octocat,user:ada"
_BOTH = "toolbox:read toolbox:write"
_ALL = ["add", "analyze_code_with_llm", "generate_image"]
# Who may, who may not, and what their tokens say.
MAY: dict[str, dict[str, Any]] = {
    "the login": {"preferred_username": "somebody", "github_login": "Octocat"},
    "the login in other letters": {"preferred_username": "somebody", "github_login": "octoCAT"},
    "the user name": {"preferred_username": "ada"},
}
MAY_NOT: dict[str, dict[str, Any]] = {
    "nobody in particular": {"preferred_username": "grace"},
    "a user name that is the login": {"preferred_username": "octocat"},
    "a login that is the user name": {"preferred_username": "grace", "github_login": "ada"},
    "a user name that looks like an entry": {"preferred_username": "github:octocat"},
    "a user name that looks like the other entry": {"preferred_username": "user:ada"},
    "a login that looks like an entry": {"preferred_username": "grace", "github_login": "github:octocat"},
    "a subject that looks like an entry": {"preferred_username": "grace", "sub": "user:ada"},
    "a user name in other letters": {"preferred_username": "Ada"},
}


@asynccontextmanager
async def served(folder: Path, allowed: str = ALLOWED) -> AsyncIterator[tuple[httpx2.AsyncClient, TokenFactory]]:
    clock = ManualClock()
    tokens = TokenFactory(ISSUER, URL, clock)
    settings = ServerSettings(public_url=URL, issuer=ISSUER, state_dir=folder)
    own = ToolboxSettings.model_validate({"GATELODGE_ALLOWED_USERNAMES": allowed})
    app = protect(toolbox(own), settings, outbound=FakeIssuer(tokens).outbound(), clock=clock)
    transport = httpx2.ASGITransport(app=app)
    async with alive(app), httpx2.AsyncClient(transport=transport, base_url="https://localhost:8443") as http:
        yield http, tokens


async def names(http: httpx2.AsyncClient, token: str | None, era: str) -> list[str]:
    answer = result_of(await call(http, URL, "tools/list", token=token, era=era))
    return sorted(tool["name"] for tool in answer["result"]["tools"])


async def image(http: httpx2.AsyncClient, token: str | None, era: str, name: str = "generate_image") -> httpx2.Response:
    params: dict[str, Any] = {"name": name, "arguments": {"prompt": "a cat"}}
    return await call(http, URL, "tools/call", params, token=token, era=era)


@pytest.mark.parametrize("era", [NEW, LEGACY])
@pytest.mark.parametrize("who", MAY)
async def test_whom_the_operator_named_sees_and_reaches_the_image_tool(tmp_path: Path, who: str, era: str) -> None:
    async with served(tmp_path) as (http, tokens):
        token = tokens.token(scope=_BOTH, **MAY[who])
        assert await names(http, token, era) == _ALL
        told = result_of(await image(http, token, era))["result"]["content"][0]["text"]
        assert told.startswith("No image provider is configured.")
        assert "TOOLBOX_IMAGE_PROVIDER" in told


@pytest.mark.parametrize("era", [NEW, LEGACY])
@pytest.mark.parametrize("who", MAY_NOT)
async def test_to_everybody_else_it_is_a_tool_that_does_not_exist(tmp_path: Path, who: str, era: str) -> None:
    async with served(tmp_path) as (http, tokens):
        token = tokens.token(scope=_BOTH, **MAY_NOT[who])
        assert await names(http, token, era) == _ALL[:2]
        refused = await image(http, token, era)
        unknown = await image(http, token, era, "no_such_tool")
        assert refused.status_code == unknown.status_code
        assert refused.text.replace("generate_image", "no_such_tool") == unknown.text


async def test_without_a_token_only_adding_works_and_the_image_tool_does_not_exist(tmp_path: Path) -> None:
    async with served(tmp_path) as (http, _):
        assert await names(http, None, NEW) == _ALL[:2]
        added = result_of(await call(http, URL, "tools/call", {"name": "add", "arguments": {"a": 2, "b": 0.5}}))
        assert added["result"]["structuredContent"] == {"result": 2.5}
        code = {"name": "analyze_code_with_llm", "arguments": {"code": "x", "analysis_type": "review"}}
        asked = await call(http, URL, "tools/call", code)
        assert asked.status_code == 401
        assert 'scope="toolbox:read"' in asked.headers["www-authenticate"]
        assert (await image(http, None, NEW)).status_code == (await image(http, None, NEW, "no_such_tool")).status_code


async def test_who_is_named_still_needs_the_scope_and_is_told_which(tmp_path: Path) -> None:
    async with served(tmp_path) as (http, tokens):
        token = tokens.token(scope="toolbox:read", preferred_username="ada")
        assert await names(http, token, NEW) == _ALL
        answer = await image(http, token, NEW)
        assert answer.status_code == 403
        assert 'scope="toolbox:write"' in answer.headers["www-authenticate"]


async def test_when_nobody_is_named_nobody_can_make_images(tmp_path: Path) -> None:
    async with served(tmp_path, allowed="") as (http, tokens):
        for who in (*MAY.values(), *MAY_NOT.values()):
            assert await names(http, tokens.token(scope=_BOTH, **who), NEW) == _ALL[:2]


async def test_an_image_s_link_exists_for_whom_the_operator_named_only(tmp_path: Path) -> None:
    async with served(tmp_path) as (http, tokens):
        params = {"uri": "toolbox://images/none"}

        async def read(**claims: Any) -> str:
            token = tokens.token(scope=_BOTH, **claims)
            return (await call(http, URL, "resources/read", params, token=token, era=LEGACY)).text

        assert "There is no such image any more" in await read(**MAY["the user name"])
        assert "Resource not found" in await read(**MAY_NOT["a user name in other letters"])

"""Arguments that do not fit are refused in words a person understands, all of them at once, and never repeated."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from lifespan import alive
from protected import result_of
from wire import MODERN, call

from gatelodge import protect
from gatelodge.settings.server import ServerSettings
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory
from toolbox.server import toolbox
from toolbox.settings import ToolboxSettings

_CODE = {"code": "x = 1", "analysis_type": "review"}
CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "text for a number": ("add", {"a": "1", "b": 2}, "a must be a number"),
    "true for a number": ("add", {"a": True, "b": 2}, "a must be a number"),
    "too large": ("add", {"a": 1e16, "b": 2}, "a must be at most 1e+15"),
    "too small": ("add", {"a": -1e16, "b": 2}, "a must be at least -1e+15"),
    "one missing": ("add", {"a": 1}, "b is missing"),
    "one too many": ("add", {"a": 1, "b": 2, "c": 3}, "c is no parameter of this tool"),
    "all missing": ("analyze_code_with_llm", {}, "code is missing; analysis_type is missing"),
    "no code": ("analyze_code_with_llm", {**_CODE, "code": ""}, "code must have at least 1 characters"),
    "long code": ("analyze_code_with_llm", {**_CODE, "code": "x" * 50_001}, "code must have at most 50000 characters"),
    "a list for code": ("analyze_code_with_llm", {**_CODE, "code": ["x"]}, "code must be text"),
    "no such analysis": (
        "analyze_code_with_llm",
        {**_CODE, "analysis_type": "praise"},
        "analysis_type must be one of 'explain', 'review', 'suggest_improvements', 'find_bugs' or 'security_review'",
    ),
    "few tokens": ("analyze_code_with_llm", {**_CODE, "max_tokens": 99}, "max_tokens must be at least 100"),
    "many tokens": ("analyze_code_with_llm", {**_CODE, "max_tokens": 2001}, "max_tokens must be at most 2000"),
    "half a token": ("analyze_code_with_llm", {**_CODE, "max_tokens": 100.5}, "max_tokens must be a whole number"),
    "a word": ("analyze_code_with_llm", {**_CODE, "max_tokens": "many"}, "max_tokens must be a whole number"),
    "no prompt": ("generate_image", {}, "prompt is missing"),
    "long prompt": ("generate_image", {"prompt": "x" * 2001}, "prompt must have at most 2000 characters"),
    "no such size": (
        "generate_image",
        {"prompt": "x", "size": "1x1"},
        "size must be one of '1024x1024', '1536x1024' or '1024x1536'",
    ),
    "several": (
        "analyze_code_with_llm",
        {"code": 1, "analysis_type": "review", "max_tokens": 1},
        "code must be text; max_tokens must be at least 100",
    ),
}


URL, ISSUER = "https://localhost:8443/toolbox/mcp", "https://localhost:8443/realms/mcp"


async def told(folder: Path, tool: str, arguments: dict[str, Any]) -> tuple[bool, str]:
    """Whether a call of someone who may call everything is an error, and its text."""
    clock = ManualClock()
    tokens = TokenFactory(ISSUER, URL, clock)
    settings = ServerSettings(public_url=URL, issuer=ISSUER, state_dir=folder)
    own = ToolboxSettings.model_validate({"GATELODGE_ALLOWED_USERNAMES": "user:ada"})
    app = protect(toolbox(own), settings, outbound=FakeIssuer(tokens).outbound(), clock=clock)
    token = tokens.token(scope="toolbox:read toolbox:write", preferred_username="ada")
    transport = httpx2.ASGITransport(app=app)
    async with alive(app), httpx2.AsyncClient(transport=transport, base_url="https://localhost:8443") as http:
        params = {"name": tool, "arguments": arguments}
        result = result_of(await call(http, URL, "tools/call", params, token=token, era=MODERN))["result"]
    [block] = result["content"]
    return result.get("isError", False), block["text"]


@pytest.mark.parametrize("case", CASES)
async def test_every_fault_is_told_with_its_parameter_and_nothing_else(tmp_path: Path, case: str) -> None:
    tool, arguments, words = CASES[case]
    assert await told(tmp_path, tool, arguments) == (True, f"The arguments do not fit: {words}.")


@pytest.mark.parametrize("tokens", [100, 2000])
async def test_the_ends_of_the_range_are_accepted(tmp_path: Path, tokens: int) -> None:
    _, text = await told(tmp_path, "analyze_code_with_llm", {**_CODE, "max_tokens": tokens})
    assert "The arguments do not fit" not in text


async def test_what_was_given_is_not_repeated(tmp_path: Path) -> None:
    given = {"code": {"password": "canary-8642"}, "analysis_type": "canary-8642", "max_tokens": "canary-8642"}
    error, text = await told(tmp_path, "analyze_code_with_llm", given)
    assert error
    assert "canary" not in text

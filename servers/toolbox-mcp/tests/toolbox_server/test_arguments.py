"""Arguments that do not fit are refused in words a person understands, all of them at once, and never repeated."""

from typing import Any

import pytest
from fastmcp import Client

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


@pytest.mark.parametrize("case", CASES)
async def test_every_fault_is_told_with_its_parameter_and_nothing_else(case: str) -> None:
    tool, arguments, words = CASES[case]
    async with Client(toolbox(ToolboxSettings.model_validate({"GATELODGE_ALLOWED_USERNAMES": "octocat"}))) as client:
        answer = await client.call_tool(tool, arguments, raise_on_error=False)
    assert answer.is_error
    assert [block.text for block in answer.content] == [f"The arguments do not fit: {words}."]


@pytest.mark.parametrize("tokens", [100, 2000])
async def test_the_ends_of_the_range_are_accepted(tokens: int) -> None:
    async with Client(toolbox(ToolboxSettings())) as client:
        arguments = {**_CODE, "max_tokens": tokens}
        answer = await client.call_tool("analyze_code_with_llm", arguments, raise_on_error=False)
    assert "The arguments do not fit" not in answer.content[0].text


async def test_what_was_given_is_not_repeated() -> None:
    async with Client(toolbox(ToolboxSettings())) as client:
        given = {"code": {"password": "canary-8642"}, "analysis_type": "canary-8642", "max_tokens": "canary-8642"}
        answer = await client.call_tool("analyze_code_with_llm", given, raise_on_error=False)
    assert answer.is_error
    assert "canary" not in answer.content[0].text

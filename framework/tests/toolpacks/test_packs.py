"""All packs: what they say of themselves is complete, of one form, and made of constants only."""

import inspect
import json
import re
from pathlib import Path

import pytest
from pack_calls import arguments_of, output_schema
from pack_texts import digests, texts_of
from pydantic import BaseModel

from gatelodge.connections.registry import PROVIDERS
from gatelodge.toolpacks.pack import Pack, PackResult, PackTool
from gatelodge.toolpacks.packs import NAMES, PackUnknown, load

_GOLDEN = Path(__file__).with_name("texts.json")
_AGAIN = "run: .venv/bin/python framework/tests/support/pack_texts.py > framework/tests/toolpacks/texts.json"
_TOOLS = [(name, tool) for name in NAMES for tool in load(name).tools]


def test_the_texts_of_all_packs_are_the_reviewed_ones() -> None:
    assert digests() == json.loads(_GOLDEN.read_text()), _AGAIN


def test_the_texts_do_not_depend_on_where_they_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digests()
    for name in ("GATELODGE_PUBLIC_URL", "GATELODGE_ISSUER", "CODA_API_TOKEN", "USER", "HOSTNAME"):
        monkeypatch.setenv(name, "https://tenant.example/canary")
    assert digests() == before
    assert "canary" not in json.dumps([texts_of(load(name)) for name in NAMES])


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_is_named_as_its_folder_and_has_a_known_provider(name: str) -> None:
    pack = load(name)
    assert isinstance(pack, Pack)
    assert pack.name == name
    assert pack.provider in PROVIDERS
    assert pack.title
    assert pack.tools


@pytest.mark.parametrize("name", ["gitlab", "", ".github", "github-tools", "packs.load"])
def test_an_unknown_pack_is_refused_by_the_names_there_are(name: str) -> None:
    with pytest.raises(PackUnknown) as unknown:
        load(name)
    assert all(name in unknown.value.hint for name in NAMES)


def test_one_tool_or_prompt_of_a_pack_can_be_chosen_by_its_name() -> None:
    whole, tool, prompt = (load(f"github{part}") for part in ("", ".get_github_user_info", ".github_user_summary"))
    assert tool.tools == tuple(one for one in whole.tools if one.name == "get_github_user_info")
    assert (tool.prompts, tool.instructions, tool.provider) == ((), "", "github")
    assert (prompt.tools, prompt.prompts) == ((), whole.prompts)


@pytest.mark.parametrize("name", ["github.", "github.no_such_tool", "github.create_github_issue.x"])
def test_what_a_pack_does_not_have_is_refused_by_the_names_it_has(name: str) -> None:
    with pytest.raises(PackUnknown) as caught:
        load(name)
    assert "get_github_user_info" in caught.value.hint


def test_names_titles_and_users_words_are_unique_over_all_packs() -> None:
    for found in (
        [tool.name for _, tool in _TOOLS] + [prompt.name for name in NAMES for prompt in load(name).prompts],
        [tool.title for _, tool in _TOOLS],
        [ask.lower() for _, tool in _TOOLS for ask in tool.asks],
    ):
        assert len(found) == len(set(found))


@pytest.mark.parametrize(("pack", "tool"), _TOOLS, ids=[tool.name for _, tool in _TOOLS])
def test_a_tool_says_all_that_a_client_needs(pack: str, tool: PackTool) -> None:
    assert re.fullmatch(r"[a-z][a-z_]{2,48}", tool.name)
    assert 20 <= len(tool.description) <= 600
    assert tool.asks
    assert all(re.match(r"(\w+: )?(GET|POST|PATCH|PUT|DELETE) /", call) for call in tool.calls), tool.calls
    parameters = list(inspect.signature(tool.function).parameters.values())
    assert (parameters[0].name, parameters[0].kind) == ("api", inspect.Parameter.POSITIONAL_ONLY)
    for name, schema in arguments_of(tool.function).model_json_schema().get("properties", {}).items():
        assert schema.get("description"), name
    result = inspect.signature(tool.function).return_annotation
    assert issubclass(result, BaseModel)
    assert issubclass(result, PackResult)
    assert output_schema(tool)["type"] == "object"


@pytest.mark.parametrize(("pack", "tool"), _TOOLS, ids=[tool.name for _, tool in _TOOLS])
def test_a_tools_hints_agree_with_its_access(pack: str, tool: PackTool) -> None:
    hints = tool.hints
    assert set(hints) == {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
    assert hints["readOnlyHint"] is (tool.access == "read")
    assert not (hints["readOnlyHint"] and hints["destructiveHint"])


@pytest.mark.parametrize(("pack", "tool"), _TOOLS, ids=[tool.name for _, tool in _TOOLS])
def test_a_list_that_goes_on_takes_the_cursor_that_it_gives(pack: str, tool: PackTool) -> None:
    arguments = arguments_of(tool.function).model_fields
    gives = "next_cursor" in output_schema(tool)["properties"]
    assert gives == ("cursor" in arguments)

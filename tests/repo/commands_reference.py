"""Writes ``docs/reference/commands.md`` from the tool packs and the toolbox server.

.venv/bin/python tests/repo/commands_reference.py > docs/reference/commands.md
"""

import asyncio
import inspect
import json
import sys
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from gatelodge.access.requirement import Requirement
from gatelodge.app.bridge.rules import rule_of
from gatelodge.toolpacks.pack import Pack, PackPrompt, PackTool
from gatelodge.toolpacks.packs import NAMES, load
from toolbox.server import toolbox
from toolbox.settings import ToolboxSettings

__all__ = ["EXAMPLES", "OWN_EXAMPLES", "own_tools", "render", "required"]

# A value for each argument that a tool of a pack cannot do without; the same name means the same in all of them.
EXAMPLES: Mapping[str, Any] = {
    "jql": "project = ABC AND status != Done ORDER BY updated DESC",
    "issue": "ABC-12",
    "project": "ABC",
    "summary": "The export stops at 1000 rows",
    "text": "Done in the release of today.",
    "transition_id": "31",
    "words": "roadmap",
    "page": "59833787-2cf9-4fdf-8782-e53db20768a5",
    "title": "Notes of the meeting",
    "data_source": "59833787-2cf9-4fdf-8782-e53db20768a5",
    "channel": "C0123456789",
    "ts": "1795296000.000100",
    "query": "repo:octocat/hello-world is:open label:bug",
    "repository": "octocat/hello-world",
    "number": 42,
    "doc_id": "AbCDeFGH",
    "table_id": "grid-pqRst-U",
    "username": "octocat",
}
# Calls of the toolbox server's own tools.
OWN_EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "add": {"a": 2, "b": 3},
    "analyze_code_with_llm": {"code": "def f(x): return x / 0", "analysis_type": "find_bugs"},
    "generate_image": {"prompt": "A lighthouse at night, as a woodcut"},
}

_HEAD = """\
# Commands

What a user asks for, which tool does it, and which calls of the provider's API it makes. This page is generated from
`framework/src/gatelodge/toolpacks/` and `servers/toolbox-mcp/`; a test compares them. To write it again:

```bash
.venv/bin/python tests/repo/commands_reference.py > docs/reference/commands.md
```

The client's language model chooses the tool; there is no parser of commands in this project. A tool of access `read`
needs the server's scope `<server>:read`, one of access `write` needs `<server>:write`. Tools of a provider that the
operator has not configured are not listed. A tool whose account is not linked answers with the address where its user
links it.

**Chains.** Ids in a result (`repository` and `number`, `doc_id`, `table_id` and their like) and `next_cursor` go into the
next call unchanged; nothing else has to be known. Lists stop at their `limit` and say with `next_cursor` that there is
more.

**Text of strangers.** Titles, texts and names stand between the two marks that `notice` in the same result names. The
marks hold a random value of that one call. Invisible characters are removed, images, links and markup are written so that
nothing loads or follows them (`https[:]//…`), and text that was cut says so. A model can still obey what it reads:
tools of access `write` should be confirmed by the user.

**Examples.** Below each tool stands what a client sends as `params` of `tools/call`, with the arguments that the tool cannot do
without, and the members of its result (`structuredContent`).
"""
_TOOLBOX = """
## Toolbox

The tools of `servers/toolbox-mcp` itself. GitHub's `get_github_user_info` and `github_user_summary` are there too, as above.

| Tool | Who may call it |
|---|---|
"""


def render() -> str:
    """The whole page."""
    return "".join([_HEAD, *(_section(load(name)) for name in NAMES), *asyncio.run(_toolbox())])


def _section(pack: Pack) -> str:
    heading = pack.title if pack.name == pack.title.lower() else f"{pack.title}: {pack.name}"
    lines = [f"\n## {heading}\n\n", "| A user asks | Tool | Access | API calls |\n", "|---|---|---|---|\n"]
    lines.extend(_row(tool) for tool in pack.tools)
    lines.extend(_prompt(prompt) for prompt in pack.prompts)
    lines.append("\n")
    lines.extend(_tool(tool) for tool in pack.tools)
    return "".join(lines)


def _prompt(prompt: PackPrompt) -> str:
    given = {name: EXAMPLES[name] for name in inspect.signature(prompt.function).parameters}
    return (
        f"\nPrompt `{prompt.name}`: {prompt.description}\n\n"
        f"```json\n{json.dumps({'name': prompt.name, 'arguments': given})}\n```\n\n"
        f"```text\n{prompt.function(**given)}\n```\n"
    )


async def own_tools() -> list[Any]:
    """The toolbox server's own tools, those for named users among them."""
    return list(await toolbox(ToolboxSettings(allowed_usernames=frozenset({"github:octocat"}))).list_tools())


async def _toolbox() -> list[str]:
    found = sorted(await own_tools(), key=lambda tool: str(tool.name))
    rows = [f"| `{tool.name}` | {_who(await rule_of(tool))} |\n" for tool in found]
    return [_TOOLBOX, *rows, "\n", *(_own(tool) for tool in found)]


def _who(rule: Requirement | None) -> str:
    if rule is None or rule.public:
        return "everyone, without a token"
    scopes = " ".join(f"`{scope}`" for scope in sorted(rule.scopes))
    return f"{scopes}{', and a user of `ALLOWED_USERNAMES`' if rule.users else ''}"


def _own(tool: Any) -> str:
    properties = tool.parameters["properties"]
    needed = tool.parameters.get("required", ())
    names = [name if name in needed else f"{name}={given.get('default')!r}" for name, given in properties.items()]
    members = list((tool.output_schema or {}).get("properties", {}))
    return (
        f"- `{tool.name}({', '.join(names)})`: {tool.description}\n"
        + _example(tool.name, OWN_EXAMPLES[tool.name])
        + (_members(members) if members else "  Result: the image, and a link to it.\n")
    )


def _row(tool: PackTool) -> str:
    asks = "; ".join(tool.asks)
    calls = "<br>".join(f"`{call}`" for call in tool.calls)
    return f"| {asks} | `{tool.name}` | {tool.access} | {calls} |\n"


def _tool(tool: PackTool) -> str:
    result = typing.get_type_hints(tool.function)["return"]
    members = list(result.model_fields) if isinstance(result, type) and issubclass(result, BaseModel) else []
    given = {name: EXAMPLES[name] for name in required(tool)}
    told = f"- `{tool.name}({', '.join(_arguments(tool))})`: {tool.description}\n"
    return told + _example(tool.name, given) + _members(members)


def required(tool: PackTool) -> list[str]:
    """The arguments that a call cannot do without."""
    parameters = inspect.signature(tool.function).parameters
    return [
        name
        for name, given in parameters.items()
        if given.kind is not given.POSITIONAL_ONLY and given.default is given.empty
    ]


def _example(name: str, arguments: Mapping[str, Any]) -> str:
    return f"  Example: `{json.dumps({'name': name, 'arguments': dict(arguments)}, ensure_ascii=False)}`.\n"


def _members(names: list[str]) -> str:
    return f"  Result: {', '.join(f'`{name}`' for name in names)}.\n"


def _arguments(tool: PackTool) -> Iterator[str]:
    """The arguments, optional ones with their default."""
    for name, parameter in inspect.signature(tool.function).parameters.items():
        if parameter.kind is not parameter.POSITIONAL_ONLY:
            required = parameter.default is parameter.empty
            yield name if required else f"{name}={parameter.default!r}"


if __name__ == "__main__":
    sys.stdout.write(render())

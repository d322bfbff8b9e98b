"""Writes ``docs/reference/commands.md`` from the tool packs.

.venv/bin/python tests/repo/commands_reference.py > docs/reference/commands.md
"""

import inspect
import sys
from collections.abc import Iterator

from gatelodge.toolpacks.pack import Pack, PackTool
from gatelodge.toolpacks.packs import NAMES, load

__all__ = ["render"]

_HEAD = """\
# Commands

What a user asks for, which tool does it, and which calls of the provider's API it makes. This page is generated from
`framework/src/gatelodge/toolpacks/`; a test compares the two. To write it again:

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
"""


def render() -> str:
    """The whole page."""
    return "".join([_HEAD, *(_section(load(name)) for name in NAMES)])


def _section(pack: Pack) -> str:
    heading = pack.title if pack.name == pack.title.lower() else f"{pack.title}: {pack.name}"
    lines = [f"\n## {heading}\n\n", "| A user asks | Tool | Access | API calls |\n", "|---|---|---|---|\n"]
    lines.extend(_row(tool) for tool in pack.tools)
    lines.extend(f"\nPrompt `{prompt.name}`: {prompt.description}\n" for prompt in pack.prompts)
    lines.append("\n")
    lines.extend(_tool(tool) for tool in pack.tools)
    return "".join(lines)


def _row(tool: PackTool) -> str:
    asks = "; ".join(tool.asks)
    calls = "<br>".join(f"`{call}`" for call in tool.calls)
    return f"| {asks} | `{tool.name}` | {tool.access} | {calls} |\n"


def _tool(tool: PackTool) -> str:
    return f"- `{tool.name}({', '.join(_arguments(tool))})`: {tool.description}\n"


def _arguments(tool: PackTool) -> Iterator[str]:
    """The arguments, optional ones with their default."""
    for name, parameter in inspect.signature(tool.function).parameters.items():
        if parameter.kind is not parameter.POSITIONAL_ONLY:
            required = parameter.default is parameter.empty
            yield name if required else f"{name}={parameter.default!r}"


if __name__ == "__main__":
    sys.stdout.write(render())

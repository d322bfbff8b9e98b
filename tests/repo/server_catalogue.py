"""Writes ``docs/reference/server-catalogue.md`` from the servers' own manifests, packages, tools and rules.

PYTHONPATH=tests .venv/bin/python tests/repo/server_catalogue.py > docs/reference/server-catalogue.md
"""

import asyncio
import datetime as dt
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import yaml

import toolbox
import workspace
from gatelodge.app.bridge.rules import rule_of
from gatelodge.toolpacks.packs import load
from repo.checkout import ROOT
from sample.server import create_server
from toolbox.server import toolbox as toolbox_server
from toolbox.settings import ToolboxSettings

__all__ = ["SERVERS", "Server", "render"]

_HEAD = """\
# Catalogue of servers

The servers that come with gatelodge. This page is generated from their manifests (`gatelodge.yaml`), packages, tools and rules;
a test compares them. To write it again:

```bash
PYTHONPATH=tests .venv/bin/python tests/repo/server_catalogue.py > docs/reference/server-catalogue.md
```

"""
_TAIL = """
**Signs in by** is `GATELODGE_AUTH_MODE` of the native stack and of `compose.yaml`; every server can be run in the other modes of
[identities](../guides/identities.md). **Linked tokens** are those of users' accounts at providers; a server's own secrets are
not among them. A tool of a provider that is not configured is not there.

To add a row: give the server a folder below `servers/`, name it in `tests/repo/server_catalogue.py`, and write this page again.
"""


@dataclass(frozen=True)
class Server:
    """Where one server's own words are. ``service`` is its name in ``compose.yaml``."""

    folder: str
    manifest: str
    settings: str
    service: str
    packs: tuple[str, ...] = ()

    def read(self) -> dict[str, Any]:
        """The manifest."""
        return cast("dict[str, Any]", yaml.safe_load((ROOT / self.manifest).read_text(encoding="utf-8")))

    def project(self) -> dict[str, Any]:
        """The package's name, version and description."""
        return cast(
            "dict[str, Any]",
            tomllib.loads((ROOT / self.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"],
        )

    def profile(self) -> str | None:
        """The profile that starts it with Compose; None: it is always started."""
        services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
        return next(iter(services[self.service].get("profiles", ())), None)


SERVERS = (
    Server("sample-deep-research-mcp", "infra/keycloak/servers/deep-research.yaml", "the-sample-server", "sample"),
    Server("servers/toolbox-mcp", "servers/toolbox-mcp/gatelodge.yaml", "the-toolbox-server", "toolbox", toolbox.PACKS),
    Server(
        "servers/workspace-mcp", "servers/workspace-mcp/gatelodge.yaml", "linked-accounts", "workspace", workspace.PACKS
    ),
)


def render(updated: str) -> str:
    """The whole page; ``updated`` is a date."""
    rows = "".join(f"| {' | '.join(_cells(server))} |\n" for server in SERVERS)
    header = (
        "| Server | Version | Where | Scopes | Tools | Signs in by | Linked tokens | Settings | Started by |\n"
        f"|{'---|' * 9}\n"
    )
    own = (
        "| [a new one](../guides/new-server.md) | | `/NAME/mcp` | `NAME:read`, `NAME:write` | yours | as you choose: "
        "`--auth-mode` | as you choose: `--token-store` | its `.env.example` | `gatelodge new NAME`, then "
        "`gatelodge up --server NAME` |\n"
    )
    return f"{_HEAD}Last updated: {updated}\n\n{header}{rows}{own}{_TAIL}"


def _cells(server: Server) -> Iterator[str]:
    given, project, profile = server.read(), server.project(), server.profile()
    name = str(given["name"])
    accounts = bool(given.get("accounts"))
    yield f"[{name}](../../{server.folder}/README.md)<br>{project['description']}"
    yield str(project["version"])
    yield f"`{given['path']}`" + (f", accounts at `/{name}/accounts`" if accounts else "")
    yield "<br>".join(f"`{name}:{scope}`: {text}" for scope, text in given["scopes"].items())
    yield "<br>".join(f"{rule}: {tools}" for rule, tools in asyncio.run(_tools(server, name)).items())
    yield "Keycloak"
    yield "SQLite; PostgreSQL by setting" if accounts else "none"
    yield f"[its own](settings.md#{server.settings})"
    yield (
        f"`gatelodge up --with {name}`; with Compose the profile `{profile}`"
        if profile
        else "`gatelodge up`; with Compose always"
    )


async def _tools(server: Server, name: str) -> dict[str, str]:
    """By who may call them: the server's own tools, and those of its packs."""
    found: dict[str, list[str]] = {}
    for tool in await _own(name):
        rule = await rule_of(tool)
        who = "everybody" if rule is None or rule.public else " ".join(f"`{scope}`" for scope in sorted(rule.scopes))
        if rule is not None and rule.users:
            who += ", named by the operator"
        found.setdefault(who, []).append(f"`{tool.name}`")
    packs = [load(pack) for pack in server.packs]
    for access in ("read", "write"):
        tools = [tool.name for pack in packs for tool in pack.tools if tool.access == access]
        if len(tools) > 3:
            text = f"{len(tools)} [of {', '.join(dict.fromkeys(pack.title for pack in packs))}](commands.md)"
            found.setdefault(f"`{name}:{access}`", []).append(text)
        elif tools:
            found.setdefault(f"`{name}:{access}`", []).extend(f"`{tool}`" for tool in tools)
    return {who: ", ".join(tools) for who, tools in found.items()}


async def _own(name: str) -> list[Any]:
    if name == "deep-research":
        # Only a call of a tool touches the library.
        return list(await create_server(cast("Any", None)).list_tools())
    if name == "toolbox":
        return list(await toolbox_server(ToolboxSettings(allowed_usernames=frozenset({"github:octocat"}))).list_tools())
    return []


if __name__ == "__main__":
    sys.stdout.write(render(dt.datetime.now(tz=dt.UTC).date().isoformat()))

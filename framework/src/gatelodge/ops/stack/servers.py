"""Further servers of a stack: folders with a ``gatelodge.yaml``, each below a path of its own.

Invariant: every server has another name, path and audience, so a token for one is good for that one only.
Not here: their processes (``parts``), the one server that owns the root (``options.application``).
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import StringConstraints

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.realm.files import Server, read
from gatelodge.ops.stack.failures import guarded_disk

__all__ = [
    "RESERVED_NAMES",
    "ServerFolder",
    "ServersInvalid",
    "bundled",
    "of_profiles",
    "read_servers",
    "routes_of",
    "server_rule",
    "write_realm_files",
]

DESCRIPTION = "gatelodge.yaml"

# First parts of paths that belong to the edge, to Keycloak, to the desk and to the server at the root.
RESERVED_NAMES = frozenset(
    {
        "realms",
        "resources",
        "desk",
        "mcp",
        "health",
        "status",
        "docs",
        "d",
        "internal",
        "admin",
        "js",
        "robots",
        "favicon",
    }
)
# The server at the root, as infra/traefik/dynamic.yaml routes it.
_ROOT_RULE = (
    "Path(`/mcp`) || Path(`/mcp/`) || PathPrefix(`/.well-known/`)"
    " || Path(`/health`) || Path(`/health/live`) || Path(`/health/ready`)"
    " || Path(`/status`) || Path(`/openapi.json`) || Path(`/docs`) || PathPrefix(`/d/`)"
)
_METADATA = ("oauth-protected-resource", "oauth-authorization-server", "openid-configuration")


class ServersInvalid(GatelodgeError):
    """A server's folder or its description is not usable, or two servers get in each other's way."""

    code = Code.SETTINGS_INVALID


class _Described(Server):
    app: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """A server that a stack runs from its own folder; ``realm`` is what the realm has to know of it."""

    folder: Path
    application: str
    realm: Server

    @property
    def name(self) -> str:
        """Its name: the first part of its paths and of its scopes."""
        return self.realm.name

    @property
    def part(self) -> str:
        """The name of its process."""
        return f"server-{self.name}"

    def python(self, default: str) -> str:
        """The interpreter of its own environment, or ``default``."""
        own = self.folder / ".venv" / "bin" / "python"
        return str(own) if own.is_file() else default

    def import_path(self) -> str:
        """Where its package is when it has no environment of its own."""
        source = self.folder / "src"
        return str(source if source.is_dir() else self.folder)


def bundled(checkout: Path, names: Iterable[str]) -> list[Path]:
    """The folders of servers that come with the checkout, by name. Raises: ServersInvalid."""
    known = _known(checkout)
    unknown = sorted(set(names) - known.keys())
    if unknown:
        raise ServersInvalid(
            f"no server of this checkout has the name {', '.join(unknown)}",
            hint=f"There are: {', '.join(sorted(known)) or 'none'}. For another folder use --server FOLDER.",
        )
    return [known[name] for name in dict.fromkeys(names)]


def of_profiles(checkout: Path, profiles: str) -> list[Path]:
    """The folders of the servers among Compose's profiles (``toolbox,workspace``; ``*``: all), sorted by name.

    Other names are profiles of other parts.
    """
    named = {name.strip() for name in profiles.split(",")}
    return [folder for name, folder in sorted(_known(checkout).items()) if name in named or "*" in named]


def _known(checkout: Path) -> dict[str, Path]:
    found = checkout.glob(f"servers/*-mcp/{DESCRIPTION}")
    return {path.parent.name.removesuffix("-mcp"): path.parent for path in found}


def read_servers(folders: Iterable[Path]) -> tuple[ServerFolder, ...]:
    """The servers of these folders. Raises: ServersInvalid, RealmFilesInvalid."""
    found = tuple(_read(folder.absolute()) for folder in folders)
    for server in found:
        others = [other.folder for other in found if other.name == server.name and other is not server]
        if others:
            raise ServersInvalid(
                f"two servers have the name {server.name}: {server.folder} and {others[0]}",
                hint=f"Give one of them another name in its {DESCRIPTION}.",
            )
    return found


def _read(folder: Path) -> ServerFolder:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise ServersInvalid(
            f"{folder} is no server's folder: there is no {DESCRIPTION}",
            hint=f"gatelodge new makes a server with one; for an existing server write {DESCRIPTION} as the guide says.",
        )
    described = read(path, _Described)
    if described.name in RESERVED_NAMES:
        raise ServersInvalid(
            f"{path}: the name {described.name!r} is taken, the paths below it are another part's",
            hint="Give the server another name.",
        )
    if described.path != f"/{described.name}/mcp":
        raise ServersInvalid(
            f"{path}: path is {described.path}, and all paths of this server are below /{described.name}/",
            hint=f"Set path to /{described.name}/mcp.",
        )
    realm = Server(**described.model_dump(exclude={"app"}))
    return ServerFolder(folder, described.app, realm)


def server_rule(path: str) -> str:
    """Traefik's rule for a server whose MCP endpoint is at ``path``: ``/mcp``, or ``/<name>/mcp``."""
    base = path.removesuffix("mcp")
    if base == "/":
        return _ROOT_RULE
    metadata = (f"Path(`/.well-known/{document}{path}`)" for document in _METADATA)
    # What is internal is for our own network only.
    inside = f"(PathPrefix(`{base}`) && !PathPrefix(`{base}internal/`))"
    return " || ".join([inside, *metadata])


def routes_of(servers: Sequence[ServerFolder], urls: Sequence[str]) -> str:
    """The routers and services as a file of Traefik's dynamic configuration; each server listens at its internal URL."""
    routers: dict[str, Any] = {}
    services: dict[str, Any] = {}
    for server, url in zip(servers, urls, strict=True):
        routers[server.part] = {
            "rule": server_rule(server.realm.path),
            # Above the server at the root, which has all other well-known paths.
            "priority": 150,
            "entryPoints": ["public"],
            "middlewares": ["whole-request"],
            "service": server.part,
        }
        services[server.part] = {"loadBalancer": {"passHostHeader": True, "servers": [{"url": url}]}}
    return yaml.safe_dump({"http": {"routers": routers, "services": services}}, sort_keys=False, width=1_000)


def write_realm_files(source: Path, target: Path, servers: Iterable[ServerFolder]) -> None:
    """Copy the realm's files to ``target`` and put the servers' own beside those in ``servers/``. Raises: DiskRefused."""
    with guarded_disk(target.parent, "the realm's files"):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        for server in servers:
            text = yaml.safe_dump(server.realm.model_dump(), sort_keys=False)
            (target / "servers" / f"{server.name}.yaml").write_text(text, encoding="utf-8")

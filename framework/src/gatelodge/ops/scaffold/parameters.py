"""What a new server is made from: its names, and the choices that its settings mention."""

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.stack.servers import RESERVED_NAMES, server_rule

__all__ = ["AUTH_MODES", "TOKEN_STORES", "Parameters", "ScaffoldRefused", "named"]

AUTH_MODES = ("keycloak", "cloudflare", "bearer", "both")
TOKEN_STORES = ("env", "sqlite", "postgres")

# A folder, a Keycloak scope, a path and a Traefik router are named so.
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40


class ScaffoldRefused(GatelodgeError):
    """The new server cannot be made as asked for; nothing that was there before is changed."""

    code = Code.SETTINGS_INVALID


@dataclass(frozen=True, slots=True)
class Parameters:
    """Values of the template. ``name`` prefixes the scopes; ``path`` ends the URL; ``app`` is what ``serve`` takes."""

    name: str
    project: str
    package: str
    app: str
    path: str
    auth_mode: str = "keycloak"
    token_store: str = "env"  # noqa: S105 - a kind of store

    def values(self) -> dict[str, str]:
        """Placeholder to text."""
        return {
            "name": self.name,
            "project": self.project,
            "package": self.package,
            "app": self.app,
            "path": self.path,
            "auth_mode": self.auth_mode,
            "token_store": self.token_store,
            "rule": server_rule(self.path),
            # Above the server at the root, which has all other well-known paths.
            "priority": "100" if self.path == "/mcp" else "150",
        }


def named(name: str, *, auth_mode: str = "keycloak", token_store: str = "env") -> Parameters:  # noqa: S107 - see above
    """The parameters of a new server ``name``. Raises: ScaffoldRefused."""
    _check_name(name)
    if auth_mode not in AUTH_MODES:
        raise ScaffoldRefused(f"auth mode {auth_mode!r} is not known", hint=f"Use one of {', '.join(AUTH_MODES)}.")
    if token_store not in TOKEN_STORES:
        raise ScaffoldRefused(
            f"token store {token_store!r} is not known", hint=f"Use one of {', '.join(TOKEN_STORES)}."
        )
    package = name.replace("-", "_")
    return Parameters(name, name, package, f"{package}.main:app", f"/{name}/mcp", auth_mode, token_store)


def _check_name(name: str) -> None:
    package = name.replace("-", "_")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        fault = f"has other characters than a-z, 0-9 and single dashes, or more than {_LONGEST}"
    elif name in RESERVED_NAMES:
        fault = "is taken: the paths below it are another part's"
    elif keyword.iskeyword(package) or package in sys.stdlib_module_names or package in {"src", "tests", "vendor"}:
        fault = "cannot be the name of a Python package"
    elif _installed(package):
        fault = "is the name of a package that is installed here"
    else:
        return
    raise ScaffoldRefused(f"the name {name!r} {fault}", hint="Choose another, such as: gatelodge new team-notes")


def _installed(package: str) -> bool:
    # A folder without an __init__.py has no origin: the current folder may hold one of the same name.
    spec = importlib.util.find_spec(package)
    return spec is not None and spec.origin is not None

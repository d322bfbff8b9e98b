"""The native stack as tests see it: started once by the command a person types, on ports and state of its own."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatelodge.core.secret import Secret
from gatelodge.ops.link.target import LinkTarget
from gatelodge.ops.realm.apply import RealmAdmin

CHECKOUT = Path(__file__).parents[2]
READ, WRITE = "deep-research:read", "deep-research:write"


def free_port() -> int:
    """A port that nothing listens on, of those that the kernel gives to nobody who asks for any.

    Until it is used, the tests that run beside this one may not get it either.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


def gatelodge(
    *arguments: str, state: Path, timeout: float = 300, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run one command of a checkout with a state folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", "gatelodge", *arguments, "--state-dir", str(state)],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@dataclass
class Stack:
    """The running stack, with what a person is shown and, for tests, the ways around the edge."""

    state: Path
    port: int
    # Out of the repr, which a failing test prints: they hold passwords.
    status: dict[str, Any] = field(repr=False)
    internal: dict[str, Any] = field(repr=False)
    admin: RealmAdmin = field(repr=False)

    @property
    def public_base(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def mcp_url(self) -> str:
        return str(self.status["mcp_url"])

    @property
    def issuer(self) -> str:
        return str(self.status["issuer"])

    @property
    def ca_file(self) -> Path:
        return Path(self.status["ca_file"])

    @property
    def keycloak_url(self) -> str:
        return str(self.internal["keycloak_url"])

    @property
    def users(self) -> list[tuple[str, str]]:
        return [(user["username"], user["password"]) for user in self.status["users"]]

    def pid(self, part: str) -> int:
        """The process of one part."""
        return next(int(process["pid"]) for process in self.status["processes"] if process["name"] == part)

    def target(self, *scopes: str, user: int = 0) -> LinkTarget:
        """What a client links to, as one of the two users."""
        username, password = self.users[user]
        return LinkTarget(self.mcp_url, self.ca_file, username, Secret(password), scopes or (READ,), self.issuer)


def read_stack(state: Path, port: int) -> Stack:
    """The stack that ``gatelodge up`` made in ``state``."""
    status = json.loads(gatelodge("status", "--json", state=state).stdout)
    internal = json.loads((state / "internal.json").read_text())
    admin = RealmAdmin(internal["keycloak_url"], internal["admin"]["username"], Secret(internal["admin"]["password"]))
    return Stack(state, port, status, internal, admin)

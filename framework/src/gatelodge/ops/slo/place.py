"""What is driven: a local stack, with all that its state folder knows, or a URL that somebody gave on purpose.

Invariant: without a URL nothing but loopback is called. Not here: what is started beside a stack (``beside``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gatelodge.core.secret import Secret
from gatelodge.core.urls import is_loopback
from gatelodge.ops.link.target import LinkTarget
from gatelodge.ops.realm.apply import RealmAdmin
from gatelodge.ops.slo.faults import RunFailed
from gatelodge.ops.stack.internal import read_internal
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.status import read_status

__all__ = ["Local", "Place", "local_place"]

_QUERY = "gatelodge"


@dataclass(frozen=True, slots=True)
class Local:
    """The inside of a local stack; ``internal`` holds its addresses by name."""

    layout: Layout
    internal: Mapping[str, str]
    admin: RealmAdmin = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """An MCP URL, who may link to it, and the inside when it is a local stack. ``users``: (name, password)."""

    mcp_url: str
    ca_file: Path | None
    issuer: str | None
    users: tuple[tuple[str, Secret], ...]
    scopes: tuple[str, ...]
    query: str = _QUERY
    local: Local | None = None

    def target(self, user: int) -> LinkTarget:
        """What one of the users links to."""
        username, password = self.users[user]
        return LinkTarget(self.mcp_url, self.ca_file, username, password, self.scopes, self.issuer, self.query)


def local_place(layout: Layout) -> Place:
    """The stack that runs here. Raises: RunFailed."""
    status = read_status(layout)
    if not status.ready or not status.users:
        raise RunFailed(
            "no stack runs here", hint="gatelodge up starts one; --state-dir names its folder; or give a URL."
        )
    mcp_url = status.urls["mcp_url"]
    if not is_loopback(urlsplit(mcp_url).hostname or ""):
        raise RunFailed(
            f"the stack's public URL {mcp_url} is not on this machine",
            hint="Give that URL as an argument when the load may go there.",
        )
    inside = read_internal(layout)
    if inside is None:
        raise RunFailed("the stack's internal.json cannot be read", hint="Start the stack again.")
    who = inside.administrator
    return Place(
        mcp_url=mcp_url,
        ca_file=status.ca_file,
        issuer=status.urls["issuer"],
        users=tuple((name, Secret(password)) for name, password in status.users.items()),
        scopes=("deep-research:read", "deep-research:write", "offline_access"),
        local=Local(layout, inside.urls, RealmAdmin(who.url, who.username, who.password)),
    )

"""A local stack as a target: its authority, a user of its realm, and its administrator for cleaning up.

Invariant: read from the private state folder of a stack that runs and serves exactly this URL; nothing is written.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from gatelodge.core.secret import Secret
from gatelodge.ops.realm.apply import RealmAdmin
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.status import read_status

__all__ = ["LocalStack", "local_stack"]


@dataclass(frozen=True, slots=True)
class LocalStack:
    """What a verification needs of a running stack."""

    ca_file: Path
    username: str
    password: Secret
    issuer: str
    internal: Path

    def remove(self, client_id: str) -> None:
        """Remove a registered client by the realm's administrator. Raises: RealmRefused."""
        known = json.loads(self.internal.read_text(encoding="utf-8"))
        admin = RealmAdmin(known["keycloak_url"], known["admin"]["username"], Secret(known["admin"]["password"]))
        try:
            admin.delete_client(client_id)
        finally:
            admin.close()


def local_stack(layout: Layout, url: str | None = None) -> LocalStack | None:
    """The stack of a checkout when it runs and serves ``url`` (any, without one); None otherwise."""
    status = read_status(layout)
    if not status.ready or not status.users or (url is not None and status.urls.get("mcp_url") != url):
        return None
    username, password = next(iter(status.users.items()))
    return LocalStack(status.ca_file, username, Secret(password), status.urls["issuer"], layout.internal)

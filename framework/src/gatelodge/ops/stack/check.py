"""What makes the stack more than running: the realm brought up to date, and one whole link as a client would do it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from gatelodge.core.clock import Clock
from gatelodge.ops.link.report import LinkFailed
from gatelodge.ops.link.session import link
from gatelodge.ops.link.target import LinkTarget
from gatelodge.ops.realm.apply import RealmAdmin
from gatelodge.ops.stack.credentials import ADMINISTRATOR
from gatelodge.ops.stack.parts import Composition

__all__ = ["linker", "realm_keeper"]

Report = Callable[[str], None]


def realm_keeper(
    given: Composition, realm: dict[str, Any], clock: Clock, report: Report
) -> Callable[[], Awaitable[None]]:
    """Brings the realm up to date in the running Keycloak. The call raises: RealmRefused."""

    async def ensure() -> None:
        began = clock.monotonic()
        outcome = await asyncio.to_thread(_ensure, given, realm)
        report(f"realm {realm['realm']} {outcome} ({clock.monotonic() - began:.1f} s)")

    return ensure


def linker(given: Composition, clock: Clock, report: Report) -> Callable[[], Awaitable[None]]:
    """Links once through the public URL as the first test user, and removes the client it made.

    The call raises: LinkFailed, RealmRefused.
    """

    async def check() -> None:
        if not given.options.link:
            return
        began = clock.monotonic()
        user = given.credentials.users[0]
        target = LinkTarget(
            mcp_url=given.options.mcp_url,
            # A public name has a publicly trusted certificate, or its clients could not link either.
            ca_file=None if given.options.public_url else given.certificates.ca_file,
            username=user.username,
            password=user.password,
            issuer=given.options.issuer,
        )
        client_id: str | None = None
        try:
            client_id = (await link(target, clock=clock)).client_id
        except LinkFailed as failure:
            client_id = failure.client_id
            raise
        finally:
            if client_id:
                await asyncio.to_thread(_remove, given, client_id)
        report(f"linked as a client would, as {user.username} ({clock.monotonic() - began:.1f} s)")

    return check


def _ensure(given: Composition, realm: dict[str, Any]) -> str:
    admin = RealmAdmin(given.keycloak_url, ADMINISTRATOR, given.credentials.admin)
    try:
        return admin.ensure(realm)
    finally:
        admin.close()


def _remove(given: Composition, client_id: str) -> None:
    admin = RealmAdmin(given.keycloak_url, ADMINISTRATOR, given.credentials.admin)
    try:
        admin.delete_client(client_id)
    finally:
        admin.close()

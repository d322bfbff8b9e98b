"""What happens to a local stack in the middle of a run: the keys change, the server is restarted.

Invariant: the restart's window begins just before the signal and ends when Traefik first passes a ready answer on.
"""

import asyncio
import signal
from collections.abc import Callable, Sequence

from gatelodge.core.clock import Clock
from gatelodge.ops.slo.client import LinkedClient
from gatelodge.ops.slo.faults import RunFailed
from gatelodge.ops.slo.journal import RESTART, ROTATION, Event, Journal
from gatelodge.ops.slo.place import Local, Place
from gatelodge.ops.slo.rotation import rotate
from gatelodge.ops.stack.probes import answers
from gatelodge.ops.stack.record import RunState, read_record
from gatelodge.outbound.client import Outbound

__all__ = ["change_keys", "restart_server", "shorten_tokens", "until_ready"]

_PAUSE = 0.02
_SECONDS = 60.0
# Seconds that a token lasts.
_SHORTEST, _LONGEST = 2, 60


async def change_keys(journal: Journal, local: Local, clients: Sequence[LinkedClient]) -> None:
    """Rotate, and let every client refresh: their next tokens are signed by the new key."""
    event = journal.open(ROTATION, before=clients[0].key_id)
    await asyncio.to_thread(rotate, local.admin)
    for client in clients:
        client.force()
    journal.close(event)


async def restart_server(journal: Journal, place: Place, local: Local, clock: Clock) -> None:
    """End the server part by its process; the supervisor starts it again. Raises: RunFailed."""
    server = read_record(local.layout.record).processes.get("server")
    if server is None:
        raise RunFailed("the stack has no server part", hint="gatelodge status shows what runs.")
    event = journal.open(RESTART)
    try:
        server.send(signal.SIGTERM)
        deadline = clock.monotonic() + _SECONDS
        await _wait(lambda: not server.alive(), clock)
        event.detail["stopped_after_s"] = f"{journal.now() - event.at:.2f}"
        await _answering(place, clock, deadline, event)
    finally:
        journal.close(event)


async def _answering(place: Place, clock: Clock, deadline: float, event: Event) -> None:
    outbound = Outbound(ca_file=place.ca_file)
    probe = answers(outbound, place.mcp_url.removesuffix("/mcp") + "/health/ready")
    try:
        while not await probe():
            if clock.monotonic() > deadline:
                # No reason to end the run: what fails from here on counts outside the window.
                event.detail["ended"] = f"not ready within {_SECONDS:.0f} s"
                return
            await asyncio.sleep(_PAUSE)
    finally:
        await outbound.aclose()


async def until_ready(local: Local, clock: Clock) -> None:
    """Wait until the supervisor says that every part is ready, so that the next command finds a sound stack."""
    await _wait(lambda: read_record(local.layout.record).state is RunState.READY, clock)


async def _wait(done: Callable[[], bool], clock: Clock) -> None:
    """Another process's doing cannot be waited for but by looking."""
    deadline = clock.monotonic() + _SECONDS
    while not done() and clock.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_PAUSE)


def shorten_tokens(local: Local, clients: Sequence[LinkedClient], seconds: float) -> None:
    """Make the run's own clients' next tokens short, so that they end within the run; the realm's setting stays.

    Blocks; the caller gives it a thread.
    """
    life = str(max(_SHORTEST, min(_LONGEST, int(seconds / 8))))
    keycloak = local.admin.keycloak
    for client in clients:
        identifier = keycloak.get_client_id(client.obtained.client.client_id)
        if identifier is None:
            raise RunFailed("a client that was just linked is unknown to Keycloak", hint="Read Keycloak's log.")
        known = keycloak.get_client(identifier)
        attributes = {**known.get("attributes", {}), "access.token.lifespan": life}
        keycloak.update_client(identifier, {**known, "attributes": attributes})

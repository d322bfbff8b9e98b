"""One run: link, drive, change, restart, clean up, and leave the raw samples in a folder.

Invariant: whatever happens, the keys are as before, the registered clients are removed or named, and the processes that
were started have ended. Nothing prints here. Not here: what the samples say (``report``).
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from gatelodge.core.clock import Clock, SystemClock
from gatelodge.ops.slo.beside import start_beside
from gatelodge.ops.slo.changes import shorten_tokens, until_ready
from gatelodge.ops.slo.environment import describe
from gatelodge.ops.slo.faults import RunFailed
from gatelodge.ops.slo.folder import OBJECTIVES, RUN, SAMPLES, as_json, digest, pack_samples, write_file
from gatelodge.ops.slo.journal import MOST_SAMPLES, Journal
from gatelodge.ops.slo.linking import Linker
from gatelodge.ops.slo.place import Local, Place
from gatelodge.ops.slo.record import RunRecord
from gatelodge.ops.slo.rotation import undo
from gatelodge.ops.slo.stage import Stage

__all__ = ["Options", "run"]

Say = Callable[[str], None]
_INTERVAL = 0.5
# Requests a client may make in one planned turn: the call, a refresh, a try with an old token and what follows it.
_PER_TURN = 4
_ROTATION, _RESTART = 0.35, 0.65


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may choose. ``links``: how often a new client is linked; ``changes``: rotate keys and restart."""

    output: Path
    objectives: bytes
    command: str
    seconds: float = 120.0
    clients: int = 6
    links: int = 24
    changes: bool = True


async def run(options: Options, place: Place, *, say: Say, clock: Clock | None = None) -> Path:
    """Make the run and write its folder, which must not hold one yet. Raises: RunFailed, DiskRefused."""
    time = clock or SystemClock()
    _prepare(options)
    began = datetime.now(UTC).isoformat(timespec="seconds")
    checkout = place.local.layout.checkout if place.local else None
    environment = describe(checkout)
    journal = Journal(time, time.monotonic())
    linker = Linker(place, journal, time)
    interval = max(_INTERVAL, options.clients * options.seconds * _PER_TURN / MOST_SAMPLES)
    async with AsyncExitStack() as kept:
        kept.push_async_callback(linker.remove_all)
        if place.local is not None:
            kept.push_async_callback(_restore, place.local, time)
            await asyncio.to_thread(undo, place.local.admin)
        say(f"linking {options.links} times")
        linked = await linker.link(max(options.links, options.clients + 1), options.clients + 1)
        for client in linked:
            kept.push_async_callback(client.aclose)
        beside = None
        if place.local is not None:
            say("starting a streaming server, its open copy and a Traefik beside the stack")
            beside = await kept.enter_async_context(start_beside(place, place.local, time))
            await asyncio.to_thread(shorten_tokens, place.local, linked, options.seconds)
        say(f"driving {options.clients} clients for {options.seconds:.0f} s")
        stage = Stage(place, journal, beside, seconds=options.seconds, interval=interval, changes=options.changes)
        await stage.play(linked)
        say("the load has ended; cleaning up")
        lasted = journal.now()
    _write(options, place, journal, linker, environment, began=began, interval=interval, lasted=lasted)
    return options.output


def _prepare(options: Options) -> None:
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        taken = any(options.output.iterdir())
    except OSError as error:
        raise RunFailed(f"{options.output}: {error.strerror}", hint="Give a folder by --output.") from error
    if taken:
        raise RunFailed(f"{options.output} is not empty", hint="Give a new folder by --output; nothing is overwritten.")


async def _restore(local: Local, clock: Clock) -> None:
    await asyncio.to_thread(undo, local.admin)
    await until_ready(local, clock)


def _write(
    options: Options,
    place: Place,
    journal: Journal,
    linker: Linker,
    environment: dict[str, str],
    *,
    began: str,
    interval: float,
    lasted: float,
) -> None:
    packed = pack_samples(journal.samples)
    document = {
        "format": 1,
        "url": place.mcp_url,
        "local": place.local is not None,
        "began": began,
        "seconds": options.seconds,
        "lasted": round(lasted, 2),
        "clients": options.clients,
        "interval": interval,
        "samples": len(journal.samples),
        "command": options.command,
        "environment": environment,
        "events": [asdict(event) for event in journal.events],
        "links": [asdict(link) for link in journal.links],
        "not_measured": journal.not_measured,
        "clients_left": linker.left,
        "files": {SAMPLES: digest(packed), OBJECTIVES: digest(options.objectives)},
    }
    # What cannot be read back is no evidence: better an error now.
    RunRecord.model_validate(document)
    for name, data in ((SAMPLES, packed), (OBJECTIVES, options.objectives), (RUN, as_json(document))):
        write_file(options.output, name, data)

"""One part of the stack as a process: started under the guard, probed, stopped within a bound."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gatelodge.ops.stack.failures import PartFailed, guarded_disk
from gatelodge.ops.stack.guard import guarded

__all__ = ["Part", "Probe", "Process", "log_tail", "outcome", "rotate", "spawn", "stop", "until_ready"]

Probe = Callable[[], Awaitable[bool]]
Process = asyncio.subprocess.Process

_PROBE_PAUSE = 0.1
_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Part:
    """How to run one part. ``after_ready`` runs once, after its first readiness; the bounds are in seconds."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    probe: Probe
    folder: Path
    after_ready: Callable[[], Awaitable[None]] | None = None
    ready_seconds: float = 120.0
    stop_seconds: float = 10.0


def rotate(log: Path) -> None:
    """Keep the log of the run before as ``.1``. Raises: DiskRefused."""
    with guarded_disk(log.parent, "the log folder"), suppress(FileNotFoundError):
        log.replace(log.with_name(f"{log.name}.1"))


async def spawn(part: Part) -> Process:
    """Start the part in a session of its own, so that the terminal's Ctrl-C reaches only the supervisor.

    Raises: DiskRefused, PartFailed.
    """
    with guarded_disk(part.log.parent, f"the log of {part.name}"):
        output = os.open(part.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            *guarded(part.command),
            env=dict(part.environment),
            cwd=part.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except OSError as error:
        raise PartFailed(f"{part.name} could not be started: {error.strerror}") from error
    finally:
        os.close(output)


async def until_ready(part: Part, process: Process) -> None:
    """Wait until the probe says yes. Raises: PartFailed when the part exits first or takes too long."""
    exited = asyncio.ensure_future(process.wait())
    try:
        async with asyncio.timeout(part.ready_seconds):
            while not await part.probe():
                await asyncio.wait({exited}, timeout=_PROBE_PAUSE)
                if exited.done():
                    raise PartFailed(f"{part.name} {outcome(exited.result())} before it was ready{log_tail(part.log)}")
    except TimeoutError as error:
        raise PartFailed(f"{part.name} was not ready within {part.ready_seconds:.0f} s{log_tail(part.log)}") from error
    finally:
        exited.cancel()


async def stop(process: Process, seconds: float, hurry: asyncio.Event) -> bool:
    """End the process: TERM, then KILL after ``seconds`` or at once on ``hurry``. Returns whether TERM was enough."""
    if process.returncode is not None:
        return True
    with suppress(ProcessLookupError):
        process.terminate()
    exited, hurried = asyncio.ensure_future(process.wait()), asyncio.ensure_future(hurry.wait())
    try:
        await asyncio.wait({exited, hurried}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if exited.done():
            return True
        with suppress(ProcessLookupError):
            # The part leads its own group: whatever it started goes with it.
            os.killpg(process.pid, signal.SIGKILL)
        await exited
        return False
    finally:
        hurried.cancel()


def outcome(code: int) -> str:
    """How a process ended, in words."""
    return f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"


def log_tail(log: Path, lines: int = 5) -> str:
    """The end of a log as a clause for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return f"; see {log}"
    last = [line.rstrip()[:300] for line in text.splitlines() if line.strip()][-lines:]
    return f"; its log {log} ends with:\n    " + "\n    ".join(last) if last else f"; its log {log} is empty"

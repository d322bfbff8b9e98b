"""``state.json``: what the supervisor says about itself, written whole, read by ``status`` and ``down``.

It holds no secret. Who wrote it is recorded with its start time, so a record outliving its writer is seen as such.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from gatelodge.ops.stack.failures import guarded_disk
from gatelodge.ops.stack.procfs import ProcessId

__all__ = ["Record", "RunState", "read_record", "write_private", "write_record"]


class RunState(Enum):
    """The states in words."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def running(self) -> bool:
        """Whether a supervisor must be alive for this to be true."""
        return self in {RunState.STARTING, RunState.READY, RunState.STOPPING}


@dataclass(frozen=True, slots=True)
class Record:
    """One reading of the supervisor; ``processes`` maps a part's name to its process."""

    state: RunState
    message: str = ""
    supervisor: ProcessId | None = None
    urls: Mapping[str, str] = field(default_factory=dict)
    processes: Mapping[str, ProcessId] = field(default_factory=dict)


def write_record(path: Path, record: Record) -> None:
    """Replace the record in one step. Raises: DiskRefused."""
    document = {
        "state": record.state.value,
        "message": record.message,
        "supervisor": asdict(record.supervisor) if record.supervisor else None,
        "urls": dict(record.urls),
        "processes": [{"name": name, **asdict(process)} for name, process in record.processes.items()],
    }
    write_private(path, json.dumps(document, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only from the first byte. Raises: DiskRefused."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with guarded_disk(path.parent, f"writing {path.name}"):
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)


def read_record(path: Path) -> Record:
    """The last record; a stack that never ran, or whose supervisor died, is ``stopped``."""
    try:
        record = _parse(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Record(RunState.STOPPED, "it was never started here")
    except (ValueError, KeyError, TypeError):
        return Record(RunState.STOPPED, f"{path} is not readable; the next start writes it again")
    if record.state.running and not (record.supervisor and record.supervisor.alive()):
        return Record(RunState.STOPPED, f"the supervisor died while the stack was {record.state.value}")
    return record


def _parse(document: dict[str, Any]) -> Record:
    supervisor = document["supervisor"]
    return Record(
        state=RunState(document["state"]),
        message=str(document["message"]),
        supervisor=ProcessId(int(supervisor["pid"]), int(supervisor["started"])) if supervisor else None,
        urls={str(key): str(value) for key, value in document["urls"].items()},
        processes={
            str(entry["name"]): ProcessId(int(entry["pid"]), int(entry["started"])) for entry in document["processes"]
        },
    )

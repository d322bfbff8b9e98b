"""What can be said about a stack from outside: its record, its files, its processes' memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatelodge.ops.stack.credentials import known_users
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.options import SERVER
from gatelodge.ops.stack.procfs import rss_bytes
from gatelodge.ops.stack.prometheus import METRICS
from gatelodge.ops.stack.record import Record, RunState, read_record

__all__ = ["PartStatus", "StackStatus", "read_status"]


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One living process; memory in bytes."""

    name: str
    pid: int
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class StackStatus:
    """One reading. ``urls`` is empty unless the stack is ready; ``users`` maps names to passwords."""

    state: RunState
    message: str
    urls: Mapping[str, str]
    ca_file: Path
    log_dir: Path
    users: Mapping[str, str]
    processes: tuple[PartStatus, ...]

    @property
    def ready(self) -> bool:
        """Whether clients can link now."""
        return self.state is RunState.READY

    @property
    def servers(self) -> dict[str, str]:
        """The MCP URLs of further servers, by name."""
        return {name.removeprefix(SERVER): url for name, url in self.urls.items() if name.startswith(SERVER)}

    @property
    def metrics(self) -> dict[str, str]:
        """Where each part's figures are, by its name."""
        return {name.removeprefix(METRICS): url for name, url in self.urls.items() if name.startswith(METRICS)}

    def document(self) -> dict[str, Any]:
        """The JSON form: ``mcp_url`` and the other URLs are there only when the stack is ready."""
        return {
            "state": self.state.value,
            "message": self.message,
            **{name: url for name, url in self.urls.items() if not name.startswith((SERVER, METRICS))},
            **({"servers": self.servers, "metrics": self.metrics} if self.ready else {}),
            "ca_file": str(self.ca_file),
            "log_dir": str(self.log_dir),
            "users": [{"username": name, "password": password} for name, password in self.users.items()],
            "processes": [{"name": part.name, "pid": part.pid, "rss_bytes": part.rss_bytes} for part in self.processes],
        }


def read_status(layout: Layout) -> StackStatus:
    """The state of the stack of this checkout, now."""
    record = read_record(layout.record)
    return StackStatus(
        state=record.state,
        message=record.message,
        urls=dict(record.urls) if record.state is RunState.READY else {},
        ca_file=layout.ca_file,
        log_dir=layout.logs,
        users={name: password.reveal() for name, password in known_users(layout.secrets).items()},
        processes=_processes(record),
    )


def _processes(record: Record) -> tuple[PartStatus, ...]:
    # The supervisor's memory is part of what the stack costs.
    named = [*record.processes.items(), ("supervisor", record.supervisor)]
    return tuple(
        PartStatus(name, process.pid, rss_bytes(process.pid)) for name, process in named if process and process.alive()
    )

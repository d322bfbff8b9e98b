"""The machine itself: room on the disk and memory for Keycloak."""

import shutil
from pathlib import Path

from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem, warning

__all__ = ["CHECK"]

GIGABYTE = 10**9
# The native stack in use is 0.9 GB; its first start unpacks 0.6 GB.
MEMORY_NEEDED = 1.3 * GIGABYTE
DISK_NEEDED = 2 * GIGABYTE


def available_memory(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes that programs can still have; None where the kernel does not say."""
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


async def _examine(facts: Facts) -> Finding:
    folder = facts.layout.state if facts.layout else Path.cwd()
    while not folder.exists():
        folder = folder.parent
    disk = shutil.disk_usage(folder).free
    memory = available_memory()
    if memory is None:
        return not_checked("this system does not say how much memory is free")
    said = f"{disk / GIGABYTE:.1f} GB of disk and {memory / GIGABYTE:.1f} GB of memory are free"
    if disk < DISK_NEEDED / 10:
        return problem(said, fix="Free disk space: databases and logs cannot be written.", command=f"df -h {folder}")
    running = facts.record is not None and facts.record.state.running
    if disk < DISK_NEEDED or (memory < MEMORY_NEEDED and not running):
        needed = f"{DISK_NEEDED / GIGABYTE:.0f} GB of disk and {MEMORY_NEEDED / GIGABYTE:.1f} GB of memory"
        return warning(said, fix=f"A first start needs {needed}.", command=f"df -h {folder}; free -h")
    return healthy(said)


CHECK = Check("machine", "Disk and memory", _examine)

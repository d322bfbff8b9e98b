"""An archive for a bug report: the findings, versions, settings and the ends of the logs, without secrets.

Invariant: every text goes through one redactor that knows each password and key of the state folder; of variables whose
name speaks of a secret only the name is kept. Private keys, databases and the secrets folder are never read in.
"""

import importlib.metadata
import io
import json
import platform
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.doctor.examine import Report
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.verify.redaction import Redactor

__all__ = ["BundleRefused", "write_bundle"]

# The end of a log is where the fault is; bytes.
LOG_END = 200_000
_SPEAKING = ("SECRET", "PASSWORD", "TOKEN", "KEY", "CREDENTIAL", "DATABASE_URL", "REDIS_URL")
_PACKAGES = ("gatelodge", "fastmcp", "mcp", "joserfc", "starlette", "uvicorn", "httpx2", "pydantic", "python-keycloak")


class BundleRefused(GatelodgeError):
    """The archive is there already, or its folder cannot be written."""

    code = Code.STACK_DISK


def write_bundle(target: Path, report: Report, facts: Facts) -> list[str]:
    """Write the archive (tar.gz) and return the names in it. Raises: BundleRefused."""
    redactor = _redactor(facts)
    entries = {name: redactor.text(text) for name, text in _entries(report, facts)}
    try:
        # "x": an archive that was already sent somewhere is not replaced.
        with tarfile.open(target, "x:gz") as archive:
            for name, text in entries.items():
                content = text.encode()
                info = tarfile.TarInfo(f"gatelodge-doctor/{name}")
                info.size, info.mode, info.mtime = len(content), 0o600, int(facts.clock.now())
                archive.addfile(info, io.BytesIO(content))
        target.chmod(0o600)
    except OSError as error:
        raise BundleRefused(f"{target}: {error.strerror}", hint="Name a file that does not exist yet.") from error
    return sorted(entries)


def _entries(report: Report, facts: Facts) -> Iterator[tuple[str, str]]:
    yield "findings.json", json.dumps(report.document(), indent=2)
    yield "versions.json", json.dumps(_versions(), indent=2)
    yield "settings.json", json.dumps(_settings(facts.environment), indent=2)
    layout = facts.layout
    if layout is None:
        return
    kept = [layout.record, layout.infra / "versions.toml", layout.infra / "traefik" / "dynamic.yaml"]
    yield from ((file.name, file.read_text(encoding="utf-8", errors="replace")) for file in kept if file.is_file())
    if layout.logs.is_dir():
        yield from ((f"logs/{log.name}", _end(log)) for log in sorted(layout.logs.glob("*.log")))


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    ours = {name: value for name, value in sorted(environment.items()) if name.startswith(("GATELODGE_", "KC_"))}
    return {name: "[set]" if any(word in name for word in _SPEAKING) else value for name, value in ours.items()}


def _end(log: Path) -> str:
    with log.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - LOG_END))
        return file.read().decode(errors="replace")


def _redactor(facts: Facts) -> Redactor:
    redactor = Redactor()
    for name, value in facts.environment.items():
        if any(word in name.upper() for word in _SPEAKING) and not name.endswith("_FILE"):
            redactor.know(value)
    if facts.administrator is not None:
        redactor.know(facts.administrator.password.reveal())
    if facts.layout is not None:
        redactor.know(*_secrets(facts.layout))
    return redactor


def _secrets(layout: Layout) -> Iterator[str]:
    if layout.secrets.is_dir():
        for file in layout.secrets.iterdir():
            if file.is_file():
                yield file.read_text(encoding="utf-8", errors="replace").strip()

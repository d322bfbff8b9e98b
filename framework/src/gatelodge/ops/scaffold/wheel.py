"""Our own wheel, which a server carries along: given, built from the checkout, or the file we were installed from.

Never downloaded: the name ``gatelodge`` on an index is nobody's promise.
"""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gatelodge.ops.scaffold.lock import canonical
from gatelodge.ops.scaffold.parameters import ScaffoldRefused

__all__ = ["Wheel", "find_wheel", "our_checkout", "read_lock"]

_HINT = "Pass our wheel with --wheel FILE; in a checkout: python -m hatchling build -t wheel, in framework/."
# Where a built wheel keeps the locks that it was tested with, and where the checkout has them.
_LOCKS = {"requirements.lock": "requirements.lock", "tools.lock": "scripts/tools.lock"}
_REQUIRED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*).*$")


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel of ours: file name, content, and the packages that it needs to serve."""

    name: str
    content: bytes
    requires: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Digest in hex, as a lock has it."""
        return hashlib.sha256(self.content).hexdigest()


def find_wheel(given: Path | None, scratch: Path) -> Wheel:
    """``given``, else one built from our checkout in ``scratch``, else the installed one. Raises: ScaffoldRefused."""
    if given is not None:
        return read_wheel(given)
    checkout = our_checkout()
    return read_wheel(_build(checkout, scratch) if checkout else _installed_from())


def read_wheel(path: Path) -> Wheel:
    """A wheel of gatelodge. Raises: ScaffoldRefused."""
    try:
        content = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            member = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            headers = HeaderParser().parsestr(archive.read(member).decode())
    except (OSError, zipfile.BadZipFile, StopIteration, UnicodeDecodeError) as error:
        raise ScaffoldRefused(f"{path} is no readable wheel: {error or 'it has no metadata'}", hint=_HINT) from error
    if headers["Name"] != "gatelodge" or path.suffix != ".whl":
        raise ScaffoldRefused(f"{path} is a wheel of {headers['Name']}, not of gatelodge", hint=_HINT)
    needed = [str(line) for line in headers.get_all("Requires-Dist", [])]
    return Wheel(path.name, content, tuple(_package(line) for line in needed if "extra ==" not in line))


def our_checkout() -> Path | None:
    """The checkout that this package is in, or ``None`` when it was installed from a wheel."""
    top = Path(__file__).resolve().parents[5]
    return top if (top / "framework" / "pyproject.toml").is_file() else None


def read_lock(name: str = "requirements.lock") -> str:
    """A lock of our checkout, or the one in the wheel that we were installed from. Raises: ScaffoldRefused."""
    checkout = our_checkout()
    path = checkout / _LOCKS[name] if checkout else Path(__file__).resolve().parents[2] / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScaffoldRefused(f"{path} cannot be read: {error.strerror}", hint="Install gatelodge again.") from error


def _build(checkout: Path, scratch: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(scratch)]
    built = subprocess.run(command, cwd=checkout / "framework", capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if built.returncode:
        last = (built.stderr.strip().splitlines() or ["no output"])[-1]
        raise ScaffoldRefused(f"our wheel was not built from {checkout}: {last}", hint=_HINT)
    return next(scratch.glob("*.whl"))


def _installed_from() -> Path:
    """The wheel file named by the record of the installation (PyPA, direct URL origin)."""
    try:
        record = json.loads(metadata.distribution("gatelodge").read_text("direct_url.json") or "{}")
    except metadata.PackageNotFoundError:
        record = {}
    parts = urlsplit(str(record.get("url", "")))
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or not path.is_file():
        raise ScaffoldRefused("the wheel that gatelodge was installed from is not here any more", hint=_HINT)
    hashes = record.get("archive_info", {}).get("hashes", {})
    if hashes.get("sha256", (digest := hashlib.sha256(path.read_bytes()).hexdigest())) != digest:
        raise ScaffoldRefused(f"{path} is another file than the one gatelodge was installed from", hint=_HINT)
    return path


def _package(requirement: str) -> str:
    return canonical(_REQUIRED.sub(r"\1", requirement))

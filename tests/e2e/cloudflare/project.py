"""deploy/cloudflare as wrangler sees it, and its Worker under workerd with a server of ours behind it.

Invariant: what runs is the bundle that wrangler would upload; only Cloudflare's container runtime is replaced
(``local.js``). Commands run in a copy, with a home of their own, and never log in. Not here: what must come out of them.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from native_stack import CHECKOUT
from npm_install import NpmUnavailable, install_locked

__all__ = ["PASSED", "SOURCE", "Project", "configuration", "copied_or_skip"]

SOURCE = CHECKOUT / "deploy" / "cloudflare"
_LOCAL = Path(__file__).with_name("local.js")
# An image of a registry: a dry run with it needs no Docker.
_REFERENCE = "docker.io/example/gatelodge-sample:1"

# The paths of the server that the Worker is for.
PASSED = [
    "/mcp",
    "/mcp/",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/mcp",
    "/mcp/.well-known/oauth-authorization-server",
    "/mcp/.well-known/openid-configuration",
    "/health",
    "/health/live",
    "/health/ready",
    "/status",
    "/openapi.json",
    "/docs",
    "/d/some-document.1",
]

_WORKERD = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = (
      modules = [(name = "local.js", esModule = embed "local.js"), (name = "index.js", esModule = embed "index.js")],
      compatibilityDate = "{date}",
      bindings = [(name = "SERVER", durableObjectNamespace = "Local"), (name = "TARGET", service = "target"){texts}],
      durableObjectNamespaces = [(className = "Local", uniqueKey = "server", enableSql = true)],
      durableObjectStorage = (localDisk = "disk"))),
    (name = "target", external = (address = "{target}", http = ())),
    (name = "disk", disk = (path = "{disk}", writable = true))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")]);
"""


@dataclass(frozen=True, slots=True)
class Project:
    """A copy of deploy/cloudflare with its packages; ``node`` runs them."""

    node: Path
    folder: Path

    def run(self, package: str, program: str, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run a program of an installed package."""
        script = self.folder / "node_modules" / package / "bin" / program
        inherited = {name: os.environ[name] for name in ("PATH", "DOCKER_HOST") if name in os.environ}
        home = {"HOME": str(self.folder.parent), "WRANGLER_SEND_METRICS": "false", "NO_COLOR": "1", "CI": "1"}
        return subprocess.run(
            [str(self.node), str(script), *arguments],
            cwd=self.folder,
            env=inherited | home | more,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def dry_run(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """``wrangler deploy --dry-run``."""
        return self.run("wrangler", "wrangler.js", "deploy", "--dry-run", *arguments, **more)

    def without_build(self) -> Path:
        """The configuration with an image of a registry in place of the Dockerfile."""
        changed = self.folder / "without-build.jsonc"
        text = (self.folder / "wrangler.jsonc").read_text(encoding="utf-8")
        assert text.count('"./Dockerfile"') == 1
        changed.write_text(text.replace('"./Dockerfile"', f'"{_REFERENCE}"'), encoding="utf-8")
        return changed

    @contextmanager
    def served(self, target: str, folder: Path, texts: Mapping[str, str] | None = None) -> Iterator[str]:
        """The Worker's address while workerd runs the bundle of ``bundle``; ``target``: host and port behind it."""
        shutil.copyfile(_LOCAL, folder / "local.js")
        shutil.copyfile(self.folder / "bundle" / "index.js", folder / "index.js")
        (folder / "disk").mkdir()
        named = "".join(f', (name = "{name}", text = "{value}")' for name, value in (texts or {}).items())
        (folder / "worker.capnp").write_text(
            _WORKERD.format(
                date=configuration()["compatibility_date"], texts=named, target=target, disk=folder / "disk"
            ),
            encoding="utf-8",
        )
        (program,) = (self.folder / "node_modules" / "@cloudflare").glob("workerd-*/bin/workerd*")
        with (folder / "workerd.log").open("w") as log:
            process = subprocess.Popen(
                [str(program), "serve", "worker.capnp", "--control-fd=1"],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, (folder / "workerd.log").read_text()
            yield f"http://127.0.0.1:{json.loads(line)['port']}"
        finally:
            process.terminate()
            process.communicate(timeout=60)


def configuration() -> dict[str, Any]:
    """wrangler.jsonc, read: comments there stand on lines of their own."""
    text = re.sub(r"^\s*//.*$", "", (SOURCE / "wrangler.jsonc").read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: dict[str, Any] = json.loads(text)
    return found


def copied_or_skip(folder: Path) -> Project:
    """A copy in ``folder`` with the locked packages beside it, or a skip with the reason."""
    try:
        node, installed = install_locked(SOURCE)
    except NpmUnavailable as reason:
        pytest.skip(f"wrangler: {reason}")
    copy = folder / "cloudflare"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("node_modules", ".wrangler", ".dev.vars*", ".env*"))
    (copy / "node_modules").symlink_to(installed / "node_modules")
    return Project(node, copy)

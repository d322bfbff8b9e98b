"""Prism, a third party's mock of an API and judge of calls of it, by the provider's own OpenAPI file.

The files are not part of this repository; where they or npm are not to be had, a test is skipped with that reason.
"""

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from npm_install import NpmUnavailable, install_locked

__all__ = ["prism"]

_PACKAGES = Path(__file__).parent / "npm_prism"
_SPECIFICATIONS = Path(__file__).parents[3] / "shared" / "openapi"
_READY_SECONDS = 120
_REFERENCE = re.compile(r'"#/components/(\w+)/([^"/]+)"')


@contextmanager
def prism(provider: str, folder: Path | None = None, *paths: str, upstream: str | None = None) -> Iterator[str]:
    """A mock of a provider's API, or a judge before ``upstream`` that refuses what the file does not allow; its URL.

    With ``paths`` only these of the file are there: GitHub's whole one takes half a minute to load. ``folder`` is for
    the file that is left.
    """
    specification = _SPECIFICATIONS / f"{provider}.json"
    if not specification.is_file():
        pytest.skip(f"there is no {provider}.json in ../shared/openapi")
    try:
        node, packages = install_locked(_PACKAGES)
    except NpmUnavailable as reason:
        pytest.skip(f"npm packages: {reason}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    if folder and paths:
        specification = _reduced(specification, paths, folder)
    program = packages / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
    kind = ["proxy", "--errors", str(specification), upstream] if upstream else ["mock", str(specification)]
    command = [str(node), str(program), *kind, "-h", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"NODE_ENV": "production"}
    )
    try:
        _await(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _reduced(specification: Path, paths: tuple[str, ...], folder: Path) -> Path:
    """The file with these paths, and of its other parts those that they refer to."""
    whole = json.loads(specification.read_text())
    left = {name: whole[name] for name in ("openapi", "info", "servers", "security", "tags") if name in whole}
    left["paths"] = {path: _with_examples(whole["paths"][path], whole) for path in paths}
    kept = {"securitySchemes": dict[str, Any](whole["components"].get("securitySchemes", {}))}
    found, known = set(_REFERENCE.findall(json.dumps(left["paths"]))), set[tuple[str, str]]()
    while found - known:
        kind, name = (found - known).pop()
        known.add((kind, name))
        kept.setdefault(kind, {})[name] = whole["components"][kind][name]
        found |= set(_REFERENCE.findall(json.dumps(kept[kind][name])))
    reduced = folder / specification.name
    reduced.write_text(json.dumps(left | {"components": kept}))
    return reduced


def _with_examples(part: Any, whole: Mapping[str, Any]) -> Any:
    """The same part; where a value of an example refers to another example, with that one's value, as is meant."""
    if isinstance(part, list):
        return [_with_examples(one, whole) for one in part]
    if not isinstance(part, dict):
        return part
    value = part.get("value")
    name = str(value.get("$ref", "")).removeprefix("#/components/examples/") if isinstance(value, dict) else ""
    example = whole["components"].get("examples", {}).get(name)
    return example or {member: _with_examples(one, whole) for member, one in part.items()}


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    ends = time.monotonic() + _READY_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "prism ended"
        assert time.monotonic() < ends, "prism does not listen"
        time.sleep(0.1)

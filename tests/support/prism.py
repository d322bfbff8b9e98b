"""Prism, a third party's mock of an API and judge of calls of it, by the provider's own OpenAPI file.

The files are not part of this repository; where they or npm are not to be had, a test is skipped with that reason.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from npm_program import listening

__all__ = ["prism"]

_PACKAGES = Path(__file__).parent / "npm_prism"
_PROGRAM = "@stoplight/prism-cli/dist/index.js"
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

    def arguments(port: int) -> list[str]:
        file = str(_reduced(specification, paths, folder) if folder and paths else specification)
        kind = ["proxy", "--errors", file, upstream] if upstream else ["mock", file]
        return [*kind, "-h", "127.0.0.1", "-p", str(port)]

    with listening(_PACKAGES, _PROGRAM, arguments, seconds=_READY_SECONDS, NODE_ENV="production") as url:
        yield url


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

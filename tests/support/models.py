"""aimock, a third party's stand-in of model endpoints of OpenAI's form: chat completions and images, by fixtures."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from npm_program import listening

__all__ = ["KEY", "PNG", "Models", "models"]

_PACKAGES = Path(__file__).parent / "npm_models"
_PROGRAM = "@copilotkit/aimock/dist/cli.js"
_READY_SECONDS = 60
# What the stand-in asks of its callers.
KEY = "key-of-the-tests"
# One grey pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="


@dataclass(frozen=True, slots=True)
class Models:
    """The running stand-in."""

    url: str

    def calls(self, path: str) -> list[dict[str, Any]]:
        """What it was asked at this path, oldest first: entries with ``headers``, ``body`` and ``response``."""
        answer = httpx2.get(
            f"{self.url}/__aimock/journal",
            params={"path": path},
            headers={"authorization": f"Bearer {KEY}"},
            timeout=60,
        )
        found = answer.raise_for_status().json()
        entries: list[dict[str, Any]] = found if isinstance(found, list) else found["entries"]
        return [entry for entry in entries if entry["path"].startswith(path)]


@contextmanager
def models(folder: Path, fixtures: Sequence[dict[str, Any]]) -> Iterator[Models]:
    """The stand-in with these fixtures of its own form, the first that fits answers; ``folder`` is for their file."""
    path = folder / "fixtures.json"
    path.write_text(json.dumps({"fixtures": list(fixtures)}))

    def arguments(port: int) -> tuple[str, ...]:
        return "--port", str(port), "--fixtures", str(path), "--strict"

    with listening(_PACKAGES, _PROGRAM, arguments, seconds=_READY_SECONDS, AIMOCK_API_KEYS=KEY) as url:
        yield Models(url)

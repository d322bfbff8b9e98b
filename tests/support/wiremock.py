"""WireMock, a third party's HTTP server with faults to order, on loopback: started once for the run, emptied for a test.

Its own journal counts what it received. Java is the native stack's; the archive is fetched as Keycloak's is, into the same
cache, and used only when its SHA-256 is the pinned one. Where it cannot be had, a test is skipped with that reason.
"""

import hashlib
import json
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from jgo.maven import MavenContext
from native_stack import CHECKOUT, free_port
from npm_program import until_listening

from gatelodge.ops.stack.binaries import find_binaries
from gatelodge.ops.stack.guard import guarded
from gatelodge.ops.stack.layout import cache_folder
from gatelodge.ops.stack.versions import read_versions

__all__ = [
    "DROPS",
    "FAULTS",
    "LONG",
    "Answer",
    "Archive",
    "ArchiveWrong",
    "WireMock",
    "WireMockUnavailable",
    "answered",
    "fetched",
    "wiremock",
    "wiremock_server",
]

_PIN = Path(__file__).with_suffix(".toml")
_READY_SECONDS = 120
_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m")
# Milliseconds: so long that only a test of broken code sees its end.
LONG = 120_000
# Of a body of 20,000 bytes one every 6 ms: something comes all the time.
DROPS = {"numberOfChunks": 20_000, "totalDuration": LONG}

Answer = Mapping[str, Any]

# Answers that are lost on the way. The request was read whole each time, so the server may have acted on it.
FAULTS: Mapping[str, Answer] = {
    "nothing": {"fault": "EMPTY_RESPONSE"},
    "reset": {"fault": "CONNECTION_RESET_BY_PEER"},
    "garbage": {"fault": "RANDOM_DATA_THEN_CLOSE"},
    "garbage in a chunk": {"status": 200, "fault": "MALFORMED_RESPONSE_CHUNK"},
    # The rest of what was promised never comes.
    "half a body": {"status": 200, "headers": {"Content-Length": "5000"}, "body": '{"access_token": "half'},
}


class WireMockUnavailable(Exception):
    """The archive cannot be had on this machine; the text is the reason a skip shows."""


class ArchiveWrong(Exception):
    """The archive is not the one that the pin names: no reason to skip a test."""


@dataclass(frozen=True, slots=True)
class Archive:
    """Maven coordinates and SHA-256 of the archive."""

    version: str
    group: str
    artifact: str
    packaging: str
    sha256: str


Fetch = Callable[[Archive, Path], Path]


def answered(status: int = 200, body: object = None, **headers: str) -> Answer:
    """An answer with a JSON body; underscores in names of headers stand for hyphens."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status": status, "jsonBody": body or {}, "headers": {"Content-Type": "application/json", **given}}


@dataclass
class WireMock:
    """The running server; ``url`` is where a provider's hosts are put."""

    url: str
    _admin: httpx2.Client = field(repr=False)

    def will(self, method: str, path: str, *answers: Answer) -> None:
        """Answer these requests in turn, the last answer again and again: each is a state of the path's scenario."""
        for number, answer in enumerate(answers, 1):
            at, then = _state(number), _state(min(number + 1, len(answers)))
            self.stub(method, path, answer, scenario=f"{method} {path}", at=at, then=then)

    def stub(
        self,
        method: str,
        path: str,
        answer: Answer,
        *,
        scenario: str | None = None,
        at: str = "Started",
        then: str | None = None,
        **sent: str,
    ) -> None:
        """One answer, in a state of a scenario that leads to another; ``sent``: members that the JSON body must have."""
        members = [{"matchesJsonPath": {"expression": f"$.{name}", "equalTo": value}} for name, value in sent.items()]
        request = {"method": method, "urlPath": path} | ({"bodyPatterns": members} if members else {})
        mapping: dict[str, Any] = {"request": request, "response": answer}
        if scenario is not None:
            mapping |= {"scenarioName": scenario, "requiredScenarioState": at, "newScenarioState": then or at}
        self._asked("POST", "/mappings", mapping)

    def put(self, scenario: str, state: str) -> None:
        """Put a scenario into a state, as if the server had come there by itself."""
        self._asked("PUT", f"/scenarios/{scenario}/state", {"state": state})

    def received(self, method: str, path: str, *, least: int = 0, seconds: float = 60.0) -> list[dict[str, Any]]:
        """What the journal has of these requests, in their order; ``least``: wait until so many have come."""
        ends = time.monotonic() + seconds
        while True:
            found = self._asked("POST", "/requests/find", {"method": method, "urlPath": path})["requests"]
            if len(found) >= least:
                return list(found)
            assert time.monotonic() < ends, f"{method} {path}: {len(found)} of {least}"

    def sent(self, path: str, member: str) -> list[str]:
        """That member of the JSON body of every POST, in their order."""
        return [json.loads(request["body"])[member] for request in self.received("POST", path)]

    def bearers(self, method: str, path: str) -> list[str]:
        """The bearer token of every such request, in their order."""
        found = [
            {name.lower(): value for name, value in each["headers"].items()} for each in self.received(method, path)
        ]
        return [headers.get("authorization", "").removeprefix("Bearer ") for headers in found]

    def reset(self) -> None:
        """Forget all answers, states and requests."""
        self._asked("POST", "/reset")

    def _asked(self, method: str, path: str, body: object = None) -> Any:
        done = self._admin.request(method, f"{self.url}/__admin{path}", json=body)
        assert done.is_success, done.text
        return done.json() if done.content else None


def _state(number: int) -> str:
    return "Started" if number == 1 else f"answer {number}"


def fetched(pin: Archive, cache: Path, *, fetch: Fetch) -> Path:
    """The archive in the cache, with the pinned SHA-256. Raises: WireMockUnavailable, ArchiveWrong."""
    kept = cache / f"{pin.artifact}-{pin.version}-{pin.sha256[:16]}.{pin.packaging}"
    if not kept.is_file():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="wiremock-new-", dir=cache) as work:
                archive = fetch(pin, Path(work))
                _check(pin, archive)
                archive.rename(kept)
        except (OSError, RuntimeError, AssertionError, ValueError) as error:
            raise WireMockUnavailable(f"{pin.artifact} {pin.version} cannot be had: {type(error).__name__}") from error
    _check(pin, kept)
    return kept


def _check(pin: Archive, archive: Path) -> None:
    with archive.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != pin.sha256:
        archive.unlink()
        raise ArchiveWrong(f"{archive.name} has sha256 {actual}, the pin says {pin.sha256}; it was removed")


def _fetch_with_jgo(pin: Archive, folder: Path) -> Path:
    project = MavenContext(repo_cache=folder, timeout=30).project(pin.group, pin.artifact)
    return Path(project.at_version(pin.version).artifact(packaging=pin.packaging).resolve())


@pytest.fixture(scope="session")
def wiremock_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireMock]:
    """The server of the run."""
    pin = Archive(**tomllib.loads(_PIN.read_text(encoding="utf-8"))["wiremock"])
    try:
        archive = fetched(pin, cache_folder(), fetch=_fetch_with_jgo)
    except WireMockUnavailable as reason:
        pytest.skip(str(reason))
    java = find_binaries(read_versions(CHECKOUT / "infra" / "versions.toml")).java
    port, folder = free_port(), tmp_path_factory.mktemp("wiremock")
    options = ["--bind-address", "127.0.0.1", "--port", str(port), "--root-dir", str(folder)]
    # It ends with this process, whatever happens to it.
    command = guarded((str(java), *_JAVA, "-jar", str(archive), *options, "--disable-banner", "--disable-gzip"))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until_listening(process, port, "WireMock", _READY_SECONDS)
        with httpx2.Client(trust_env=False, timeout=60) as admin:
            yield WireMock(f"http://127.0.0.1:{port}", admin)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def wiremock(wiremock_server: WireMock) -> WireMock:
    """The server, with nothing in it."""
    wiremock_server.reset()
    return wiremock_server

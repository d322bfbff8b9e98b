"""A short fuzz of every target with a fixed seed, and the proof that it finds what is there to be found."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.attacks.world import World, local_world
from conformance.fuzz.run import fuzz
from conformance.fuzz.targets import targets
from gatelodge.resource_server import jws, jwt, strict_json

EXECUTIONS = {"token": 3_000, "header": 3_000, "message": 600, "key set": 600}


@pytest.fixture(scope="session")
def world() -> World:
    return local_world()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of refusals need no log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", EXECUTIONS)
async def test_no_input_of_a_short_fuzz_breaks_anything(name: str, world: World) -> None:
    async with targets(world) as found:
        chosen = [target for target in found if target.name == name]
        (outcome,) = await fuzz(chosen, seed=1, executions=EXECUTIONS[name])
    assert outcome.failures == []
    assert outcome.executions == EXECUTIONS[name]
    assert len(outcome.answers) > 1, "the inputs reach more than one answer"


async def test_a_crash_put_into_the_parser_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = strict_json.parse_object

    def crashing(raw: bytes) -> dict[str, object]:
        if b"crit" in raw:
            raise TypeError("as a library does for a crit of a wrong type")
        return exact(raw)

    monkeypatch.setattr(jws, "parse_object", crashing)
    async with targets(world) as found:
        (outcome,) = await fuzz(found[:1], seed=1, executions=3_000)
    assert outcome.failed > 0
    assert outcome.failures[0]["wrong"] == "status 500"


async def test_a_signature_that_nobody_checks_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwt, "check_signature", lambda *_: None)
    async with targets(world) as found:
        (outcome,) = await fuzz(found[:1], seed=1, executions=500)
    assert "nobody signed" in outcome.failures[0]["wrong"]


_FAULTY = """
import sys
from pathlib import Path
import atheris
from conformance.fuzz import guided

def crashing(raw):
    raise TypeError("a fault put in") if b'"kid"' in raw else ValueError("no JSON")

guided.parse_object = crashing
guided._seeds(Path.cwd())
atheris.Setup([*sys.argv, "."], guided.try_parsers)
atheris.Fuzz()
"""


def guided(folder: Path, *program: str) -> "subprocess.CompletedProcess[str]":
    """A guided run of its own, or of a program that makes one, in ``folder``."""
    pytest.importorskip("atheris", reason="atheris has wheels for Linux on x86-64 only")
    return subprocess.run(
        [sys.executable, *program, "-runs=20000", "-seed=1", "-max_len=2048"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_short_coverage_guided_fuzz_of_the_parsers_finds_nothing(tmp_path: Path) -> None:
    done = guided(tmp_path, "-m", "conformance.fuzz.guided")
    assert done.returncode == 0, done.stderr[-2_000:]
    assert "20000" in done.stderr


def test_a_fault_put_into_a_parser_ends_a_guided_fuzz_and_leaves_its_input(tmp_path: Path) -> None:
    done = guided(tmp_path, "-c", _FAULTY)
    assert done.returncode != 0
    assert "a fault put in" in done.stdout + done.stderr
    assert list(tmp_path.glob("crash-*"))

"""What ``backup.sh`` and ``restore.sh`` refuse before they ask for a deployment; the rest is ``tests/e2e/docker``."""

import os
import subprocess
from pathlib import Path

import pytest

from repo.checkout import ROOT

SCRIPTS = ("backup", "restore")


@pytest.fixture
def no_docker(tmp_path: Path) -> Path:
    """A folder before all others of PATH, whose ``docker`` answers nothing."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text("#!/bin/sh\nexit 1\n")
    (folder / "docker").chmod(0o755)
    return folder


def run(script: str, no_docker: Path, *arguments: str, place: Path) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", str(ROOT / "infra" / "compose" / f"{script}.sh"), *arguments],  # noqa: S607
        env=os.environ | {"PATH": f"{no_docker}:{os.environ['PATH']}"},
        cwd=place,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("arguments", [(), ("--force",), ("--forse", "file"), ("file", "another"), ("-h",)])
def test_arguments_that_are_not_one_file_are_answered_with_the_usage(
    script: str, arguments: tuple[str, ...], no_docker: Path, tmp_path: Path
) -> None:
    usage = f"{script}: usage: infra/compose/{script}.sh [--force] FILE\n"
    assert run(script, no_docker, *arguments, place=tmp_path) == (2, usage)


def test_a_file_that_cannot_be_is_named_whole(no_docker: Path, tmp_path: Path) -> None:
    assert run("restore", no_docker, "x.tar", place=tmp_path) == (1, f"restore: there is no file {tmp_path}/x.tar\n")
    backup = run("backup", no_docker, "no/x.tar", place=tmp_path)
    assert backup == (1, f"backup: there is no folder {tmp_path}/no\n")
    (tmp_path / "x.tar").write_text("kept")
    code, said = run("backup", no_docker, "x.tar", place=tmp_path)
    assert (code, f"{tmp_path}/x.tar is there already" in said) == (1, True)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("arguments", [("--force", "x.tar"), ("x.tar", "--force")])
def test_good_arguments_lead_to_docker(
    script: str, arguments: tuple[str, ...], no_docker: Path, tmp_path: Path
) -> None:
    (tmp_path / "x.tar").write_text("kept")
    told = f"{script}: docker compose does not answer here\n"
    assert run(script, no_docker, *arguments, place=tmp_path) == (1, told)
    assert (tmp_path / "x.tar").read_text() == "kept"

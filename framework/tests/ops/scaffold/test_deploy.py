"""``scripts/deploy`` run for real, up to the edge of this machine: a stand-in for ssh runs its commands in another home,
and one for docker says what it was asked, and fails when a release is called bad.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_SSH = """#!/usr/bin/env bash
while [ "${1:-}" = -o ]; do shift 2; done
[ "$1" = "ada@host" ] || { echo "ssh: no such host" >&2; exit 255; }
shift
cd "$REMOTE_HOME" && HOME=$REMOTE_HOME exec bash -c "$*"
"""
_DOCKER = """#!/usr/bin/env bash
echo "${IMAGE:-} $PWD $*" >>"$DOCKER_LOG"
case "$*" in
  "compose build"*) ! grep -q UNBUILDABLE src/notes/server.py ;;
  "compose up"*) ! grep -q UNHEALTHY src/notes/server.py ;;
  "compose version"*) [ -z "${NO_COMPOSE:-}" ] ;;
  "network inspect"*) [ -z "${NO_NETWORK:-}" ] ;;
esac
"""


@dataclass
class Host:
    """A host that releases go to, and the server's folder they come from."""

    home: Path
    server: Path
    log: Path
    environment: dict[str, str]

    def deploy(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        command = [str(self.server / "scripts" / "deploy"), *(arguments or ("ada@host",))]
        return subprocess.run(
            command, env=self.environment | more, capture_output=True, text=True, check=False, timeout=60
        )

    def change(self, line: str) -> None:
        with (self.server / "src" / "notes" / "server.py").open("a") as file:
            file.write(f"# {line}\n")

    @property
    def releases(self) -> set[str]:
        return {path.name for path in (self.home / "notes" / "releases").iterdir()}

    @property
    def current(self) -> str:
        return (self.home / "notes" / "current").readlink().name

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def host(tmp_path: Path, wheel: Path) -> Host:
    from gatelodge.ops.scaffold.create import create
    from gatelodge.ops.scaffold.parameters import named

    programs, home, server = tmp_path / "bin", tmp_path / "home", tmp_path / "notes"
    programs.mkdir()
    home.mkdir()
    for name, text in (("ssh", _SSH), ("docker", _DOCKER)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    create(named("notes"), server, wheel=wheel)
    (server / ".env").write_text("GATELODGE_PUBLIC_URL=https://mcp.example.com/notes/mcp\n")
    log = tmp_path / "docker.log"
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return Host(home, server, log, {"PATH": path, "REMOTE_HOME": str(home), "DOCKER_LOG": str(log)})


def test_a_release_is_copied_built_started_and_made_the_current_one(host: Host) -> None:
    done = host.deploy()
    assert done.returncode == 0, done.stderr
    assert host.releases == {host.current}
    release = host.home / "notes" / "current"
    assert (release / "vendor").is_dir()
    assert (release / ".env").stat().st_mode & 0o777 == 0o600
    assert not (release / "tests").exists()
    image = f"notes:{host.current}"
    [build] = [call for call in host.calls if " compose build" in call]
    [up] = [call for call in host.calls if " compose up" in call]
    assert build.startswith(image)
    assert up.startswith(image)
    assert "--wait" in up


def test_the_same_again_changes_nothing(host: Host) -> None:
    assert host.deploy().returncode == 0
    before = host.current
    again = host.deploy()
    assert (again.returncode, host.current, host.releases) == (0, before, {before})


def test_an_unhealthy_release_is_rolled_back_to_the_one_before(host: Host) -> None:
    assert host.deploy().returncode == 0
    good = host.current
    host.change("UNHEALTHY")
    done = host.deploy()
    assert done.returncode == 1
    assert "did not become healthy" in done.stderr
    assert f"rolled back to release {good}, which is healthy" in done.stderr
    assert host.current == good
    assert [call for call in host.calls if " compose up" in call][-1].startswith(f"notes:{good}")


def test_an_image_that_is_not_built_stops_nothing(host: Host) -> None:
    assert host.deploy().returncode == 0
    good = host.current
    host.change("UNBUILDABLE")
    done = host.deploy()
    assert done.returncode == 1
    assert "what ran before still runs" in done.stderr
    assert host.current == good
    assert len([call for call in host.calls if " compose up" in call]) == 1


def test_a_first_release_that_is_not_healthy_is_stopped(host: Host) -> None:
    host.change("UNHEALTHY")
    done = host.deploy()
    assert done.returncode == 1
    assert "no release before it" in done.stderr
    assert not (host.home / "notes" / "current").exists()
    assert " compose down" in host.calls[-1]


def test_the_two_releases_before_stay_and_older_ones_go(host: Host) -> None:
    seen = []
    for number in range(4):
        host.change(f"version {number}")
        assert host.deploy().returncode == 0
        seen.append(host.current)
        # The order is by time, in whole seconds on some disks.
        os.utime(host.home / "notes" / "releases" / host.current, (number, number))
    assert host.releases == set(seen[1:])
    assert any(call.endswith(f"image rm notes:{seen[0]}") for call in host.calls)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("bob@elsewhere",), 1, "no connection to bob@elsewhere"),
        (("ada@host", "a;rm -rf b"), 1, "FOLDER may have"),
        (("--nonsense",), 2, "usage:"),
    ],
)
def test_what_cannot_be_deployed_is_said_in_one_line(
    host: Host, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = host.deploy(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert not host.log.exists()


def test_a_host_without_compose_or_network_and_a_server_without_settings_are_refused(host: Host) -> None:
    assert "docker compose does not run" in host.deploy(NO_COMPOSE="1").stderr
    assert "start the gatelodge deployment there first" in host.deploy(NO_NETWORK="1").stderr
    assert host.releases == set()
    (host.server / ".env").unlink()
    assert "there is no .env" in host.deploy().stderr
    shutil.rmtree(host.server / "vendor")
    (host.server / ".env").write_text("")
    assert host.deploy().returncode != 0

"""A backup is made while people work, and brings everything back in an empty deployment (K17, scoreboard row 30)."""

import asyncio
import json
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from native_stack import CHECKOUT, WRITE
from results import record, record_page
from wire import tls_client

from e2e.docker.deployment import Deployment
from e2e.docker.load import Load, loaded
from e2e.docker.rows import VOLATILE, tables
from gatelodge.ops.link.session import link

_MOST = 15 * 60
_COMMAND = "make test-cluster"


def script(deployment: Deployment, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """One of the two scripts, on this deployment."""
    return subprocess.run(
        ["bash", str(CHECKOUT / "infra" / "compose" / name), *arguments],  # noqa: S607
        env=os.environ | deployment.environment | {"COMPOSE_PROJECT_NAME": deployment.project},
        capture_output=True,
        text=True,
        timeout=_MOST,
        check=False,
    )


@pytest.fixture
def other(deployment: Deployment, tmp_path: Path) -> Iterator[Deployment]:
    """An empty place for a second deployment at the same address; the first gives up its port meanwhile."""
    third = (int(deployment.network.rpartition(".")[2]) + 1) % 256
    place = Deployment(
        folder=tmp_path, project=f"{deployment.project}-new", network=f"172.30.{third}", port=deployment.port
    )
    edge = deployment.part("traefik")
    edge.stop(timeout=20)
    try:
        yield place
    finally:
        place.down()
        edge.start()
        deployment.wait_healthy("traefik")


async def test_a_backup_is_made_while_people_work_and_no_call_fails(deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    async with loaded(deployment) as load:
        began = time.monotonic()
        done = await asyncio.to_thread(script, deployment, "backup.sh", str(file))
        took = time.monotonic() - began
        await load.good_again("modern", "legacy", "note", "refresh")
        lost = await load.lost()
    assert done.returncode == 0, done.stderr
    assert "every password" in done.stdout
    assert [seen for seen in load.seen if seen.wrong] == []
    assert lost == []
    assert file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["backup.tar"], "nothing else is left"  # noqa: PTH208
    size = file.stat().st_size
    record_page("docker", "backup under load", seconds=round(took, 1), bytes=size, requests=len(load.seen), failed=0)


def test_the_scripts_refuse_what_would_lose_something(deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    assert script(deployment, "backup.sh", str(file)).returncode == 0
    before = file.read_bytes()
    again = script(deployment, "backup.sh", str(file))
    assert (again.returncode, "--force" in again.stderr) == (1, True)
    assert file.read_bytes() == before
    over = script(deployment, "restore.sh", str(file))
    assert (over.returncode, "--force" in over.stderr) == (1, True)
    assert script(deployment, "backup.sh").returncode == 2
    nowhere = script(deployment, "backup.sh", str(tmp_path / "no" / "such" / "file"))
    assert "there is no folder" in nowhere.stderr


@pytest.mark.parametrize("damage", ["cut short", "one byte changed", "no backup"])
def test_a_damaged_backup_is_refused_before_anything_is_removed(
    deployment: Deployment, tmp_path: Path, damage: str
) -> None:
    file = tmp_path / "backup.tar"
    assert script(deployment, "backup.sh", str(file)).returncode == 0
    whole = bytearray(file.read_bytes())
    with tarfile.open(file) as packed:
        place = packed.getmember("database.dump").offset_data + 1000
    whole[place] ^= 1
    file.write_bytes(
        {"cut short": bytes(whole[:place]), "one byte changed": bytes(whole), "no backup": b"text"}[damage]
    )
    before = deployment.state("postgres")["Id"]
    refused = script(deployment, "restore.sh", "--force", str(file))
    assert refused.returncode == 1
    assert "restore: " in refused.stderr
    assert deployment.state("postgres")["Id"] == before


@pytest.mark.cluster
async def test_a_restored_deployment_has_every_row_and_goes_on(
    deployment: Deployment, other: Deployment, tmp_path: Path
) -> None:
    # The deployment has given its port away for now; what is asked before needs it.
    deployment.part("traefik").start()
    deployment.wait_healthy("traefik")
    file = tmp_path / "backup.tar"
    async with loaded(deployment) as load:
        await load.good_again("modern", "note", "refresh", "register")
    deployment.part("traefik").stop(timeout=20)
    before = tables(deployment)
    assert script(deployment, "backup.sh", str(file)).returncode == 0

    began = time.monotonic()
    done = script(other, "restore.sh", str(file))
    served = await answered(other, load)
    seconds = time.monotonic() - began
    after = tables(other)
    changed = sorted(name for name in before if before[name] != after.get(name))
    rows = sum(count for count, _ in before.values())
    fewer = {name: (before[name][0], after[name][0]) for name in before if after[name][0] < before[name][0]}
    kept = await what_is_kept(other, load)
    measured = {
        "seconds_to_serving": round(seconds, 1),
        "tables": len(before),
        "rows": rows,
        "tables_that_differ": changed,
        "rows_lost": fewer,
        "notes_and_clients": kept,
        "bytes": file.stat().st_size,
    }
    record_page("docker", "restore", **measured, said=done.stdout.splitlines()[-2:])
    lost = 0 if not fewer else sum(was - now for was, now in fewer.values())
    record(
        30,
        "compose: a second project from the backup of the first",
        tried=rows,
        passed=rows - lost,
        figure=f"{seconds:.0f} s to serving, {lost} rows lost",
        command=_COMMAND,
        negative_control="a byte changed in the archive, and an archive cut short: refused",
        **measured,
    )
    assert done.returncode == 0, done.stderr
    assert served
    assert seconds < _MOST
    assert len(before) > 80
    assert rows > 1000
    assert set(changed) <= VOLATILE
    assert fewer == {}


async def answered(other: Deployment, load: Load) -> bool:
    """A client that was linked before the backup refreshes its old token and calls a tool."""
    for source, name in (("/edge/ca.pem", "ca.pem"), ("/operator/secrets/ada", "ada")):
        assert other.compose("cp", f"prepare:{source}", str(other.folder / name)).returncode == 0
    # The authority came back with the rest: the client trusts what it trusted.
    assert (other.folder / "ca.pem").read_bytes() == (load.deployment.folder / "ca.pem").read_bytes()
    load.deployment = other
    async with tls_client(other.folder / "ca.pem") as http:
        load.http = http
        assert await load.refresh() == (200, "")
        assert load.replaced == 0, "it was the old token"
        return await load.tool("2026-07-28") == (200, "") == await load.tool("2025-11-25")


async def what_is_kept(other: Deployment, load: Load) -> int:
    """Every acknowledged note and registered client is there; the old password signs in, and notes can be written."""
    async with tls_client(other.folder / "ca.pem") as http:
        load.http = http
        assert await load.lost() == []
        assert await load.note() == (200, "")
    assert WRITE in json.dumps(sorted((await load.sign_in(load.linked.client)).tokens.scopes))
    report = await link(other.target())
    assert "search" in report.tools
    return len(load.notes) + len(load.registered)

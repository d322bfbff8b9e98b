"""The deployment of compose.yaml as clients and operators meet it, on a real engine."""

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import time

import httpx2
import pytest
from native_stack import READ

from e2e.docker.deployment import PARTS, Deployment
from gatelodge.ops.link.report import LinkFailed, LinkReport
from gatelodge.ops.link.session import Era, link


@pytest.mark.parametrize(("era", "version"), [("modern", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_the_official_client_links_and_searches_in_each_era(
    deployment: Deployment, era: Era, version: str
) -> None:
    report = await link(deployment.target(), era=era)
    assert report.protocol_version == version
    assert set(report.tools) == {"search", "fetch", "save_note"}
    assert {READ, "offline_access"} <= set(report.scope.split())


@pytest.mark.parametrize(("part", "kind"), [("desk", "registration.create"), ("sample", "tool.call")])
async def test_who_registered_and_who_called_is_in_the_trail_of_each_part(
    deployment: Deployment, part: str, kind: str
) -> None:
    await link(deployment.target())
    asked = ("gatelodge", "audit", "search", "--outcome", "ok", "--event", kind)
    deadline = time.monotonic() + 60
    while not (found := deployment.run(part, *asked)).stdout:
        assert found.returncode == 0, found.stderr
        # Calls that read are kept within a second.
        assert time.monotonic() < deadline, found.stderr
        await asyncio.sleep(1)
    assert deployment.run(part, "gatelodge", "audit", "verify").stdout.startswith("whole: ")


def test_gatelodge_verify_passes(deployment: Deployment) -> None:
    given = ["--ca-file", str(deployment.folder / "ca.pem"), "--user", "ada"]
    given += ["--password-file", str(deployment.folder / "ada"), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "gatelodge", "verify", deployment.mcp_url, *given],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    report = json.loads(done.stdout)
    assert {check["id"]: check["found"] for check in report["checks"] if check["outcome"] == "fail"} == {}
    assert done.returncode == 0, done.stderr


def test_the_engine_applies_what_closes_the_parts(deployment: Deployment) -> None:
    for name in PARTS:
        found = deployment.state(name)
        host = found["HostConfig"]
        assert host["ReadonlyRootfs"] is True, name
        assert host["CapDrop"] == ["ALL"], name
        assert not host["CapAdd"], name
        assert host["Memory"] > 0, name
        assert host["PidsLimit"] > 0, name
        assert host["RestartPolicy"]["Name"] == "unless-stopped", name
        assert found["Config"]["User"].split(":")[0] not in {"", "0", "root"}, name
        assert bool(host["PortBindings"]) is (name == "traefik"), name


def test_no_part_has_a_secret_in_its_variables(deployment: Deployment) -> None:
    secrets = {
        deployment.compose("cp", f"prepare:/operator/secrets/{name}", str(deployment.folder / f"s-{name}")).returncode
        or (deployment.folder / f"s-{name}").read_text().strip()
        for name in ("admin", "desk", "database", "ada", "grace")
    }
    assert len(secrets) == 5
    for name in (*PARTS, "prepare", "realm"):
        shown = json.dumps(deployment.state(name)["Config"])
        assert not any(str(secret) in shown for secret in secrets), name


def test_a_secret_is_its_reader_s_alone(deployment: Deployment) -> None:
    for name, path in (
        ("postgres", "/run/secrets/password"),
        ("keycloak", "/run/secrets/keycloak.conf"),
        ("desk", "/run/secrets/desk"),
        ("traefik", "/edge/localhost.key"),
    ):
        seen = deployment.run(name, "stat", "-c", "%a %u", path)
        owner = deployment.run(name, "id", "-u")
        assert seen.stdout.split() == ["600", owner.stdout.strip()], (name, seen.stderr)


@pytest.mark.parametrize(
    ("part", "reaches"), [("sample", False), ("desk", False), ("traefik", False), ("keycloak", True)]
)
def test_the_database_is_reached_by_keycloak_alone(deployment: Deployment, part: str, reaches: bool) -> None:
    address = deployment.state("postgres")["NetworkSettings"]["Networks"][f"{deployment.project}_database"]["IPAddress"]
    script = f"timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/5432'"
    assert (deployment.run(part, "bash", "-c", script).returncode == 0) is reaches
    # The control: the same script reaches a part that it may reach.
    control = deployment.run(part, "bash", "-c", "timeout 3 bash -c 'exec 3<>/dev/tcp/keycloak/8080'")
    assert control.returncode == 0


def test_what_traefik_does_not_route_is_not_there(deployment: Deployment) -> None:
    context = ssl.create_default_context(cafile=str(deployment.folder / "ca.pem"))
    with httpx2.Client(verify=context, trust_env=False, timeout=60) as client:
        base = f"https://localhost:{deployment.port}"
        for path in ("/admin/", "/realms/master", "/internal/metrics", "/realms/mcp/clients-registrations/default"):
            assert client.get(base + path).status_code == 404, path
        assert client.get(base + "/realms/mcp/.well-known/openid-configuration").status_code == 200


async def linked_within(deployment: Deployment, seconds: float) -> LinkReport:
    """A link, tried again until then: a killed database takes Keycloak's open connections with it, one refusal each."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await link(deployment.target())
        except LinkFailed:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(1)


@pytest.mark.parametrize("part", PARTS)
async def test_a_killed_part_comes_back_and_clients_link_again(deployment: Deployment, part: str) -> None:
    before = deployment.state(part)
    # Its process, not `docker kill`: the engine takes that for a wish of the operator and starts nothing again.
    os.kill(before["State"]["Pid"], signal.SIGKILL)
    deployment.wait_restarted(part, since=before["RestartCount"])
    deployment.wait_healthy(part)
    report = await linked_within(deployment, 60)
    assert "search" in report.tools


def test_a_second_up_changes_nothing(deployment: Deployment) -> None:
    before = {name: deployment.state(name)["Id"] for name in PARTS}
    deployment.up(build=False)
    assert {name: deployment.state(name)["Id"] for name in PARTS} == before
    assert b": unchanged" in deployment.part("realm").logs()

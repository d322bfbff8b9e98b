"""compose.yaml running under a project name, a port and networks of its own, as the tests see it."""

import os
import secrets
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container
from native_stack import CHECKOUT, READ, free_port

from gatelodge.core.secret import Secret
from gatelodge.ops.link.target import LinkTarget

__all__ = ["PARTS", "REPLICAS", "Deployment", "deployed", "why_not"]

REPLICAS = ("sample", "sample-2")
PARTS = ("postgres", "keycloak", "desk", "sample", "traefik")
_UP_SECONDS = 600


def why_not() -> str | None:
    """Why no deployment can run here, or ``None``."""
    program = shutil.which("docker")
    if program is None:
        return "there is no docker command here"

    def refused(*arguments: str) -> bool:
        """Whether the command fails; it opens no connection of ours that could stay open."""
        return subprocess.run([program, *arguments], capture_output=True, timeout=60, check=False).returncode != 0

    if refused("info"):
        return "no Docker engine answers here; tests/e2e/docker/setup.sh starts one"
    if refused("compose", "version"):
        return "docker compose is not installed; tests/e2e/docker/setup.sh builds it"
    for image in (pin["image"] for pin in _pins().values() if "image" in pin and pin.get("stand_in", True)):
        if refused("image", "inspect", image):
            return f"the image {image} is not here; tests/e2e/docker/setup.sh makes a stand-in"
    return None


def _pins() -> dict[str, dict[str, Any]]:
    """infra/versions.toml."""
    return tomllib.loads((CHECKOUT / "infra" / "versions.toml").read_text(encoding="utf-8"))


@dataclass
class Deployment:
    """The five parts of compose.yaml; ``folder`` keeps what an operator takes out of the volumes."""

    folder: Path
    project: str
    network: str
    port: int = field(default_factory=free_port)
    # The tag of the sample's image, when it is not the one that is built; whether there is a second replica.
    sample: str = ""
    second_replica: bool = False
    # Those of compose.yaml that are on, as Compose takes them; where limits are counted, when not by each for itself.
    profiles: str = ""
    redis_url: str = ""
    client: docker.DockerClient = field(default_factory=lambda: docker.from_env(timeout=120), repr=False)
    _releases: list[str] = field(default_factory=list, repr=False)

    @property
    def mcp_url(self) -> str:
        return f"https://localhost:{self.port}/mcp"

    @property
    def environment(self) -> dict[str, str]:
        """What differs from a deployment that sets no variable: what lets several run beside each other, and load."""
        settings = self.folder / "gatelodge.env"
        # One user of a test makes more calls than a person.
        settings.write_text("GATELODGE_LIMIT_CALLS=off\nGATELODGE_LIMIT_CALLS_AT_ONCE=0\n")
        return {
            "GATELODGE_ENV_FILE": str(settings),
            "GATELODGE_PORT": str(self.port),
            "GATELODGE_NETWORK": self.network,
            "GATELODGE_EDGE_NETWORK": f"{self.project}-edge",
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_PROFILES": self.profiles,
            "GATELODGE_REDIS_URL": self.redis_url,
            "SAMPLE_VERSION": self.sample,
            "GATELODGE_SECOND_REPLICA": "1" if self.second_replica else "",
            # The first compiler only: half the time to start on a busy machine.
            "KEYCLOAK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1",
        }

    def compose(self, *arguments: str, timeout: float = _UP_SECONDS) -> "subprocess.CompletedProcess[str]":
        """Run one command of Compose on this deployment."""
        return self._started("docker", "compose", "--progress", "plain", *arguments, timeout=timeout)

    def roll(self, *arguments: str, seconds_to_healthy: int = 120) -> "subprocess.CompletedProcess[str]":
        """Roll the two replicas to ``sample``'s image, as an operator does."""
        return self._started(
            "bash", "infra/compose/roll.sh", *arguments, timeout=_UP_SECONDS, ROLL_SECONDS=str(seconds_to_healthy)
        )

    def _started(self, *command: str, timeout: float, **more: str) -> "subprocess.CompletedProcess[str]":
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GATELODGE_", "ACME_"))}
        return subprocess.run(
            command,
            cwd=CHECKOUT,
            env=inherited | self.environment | more,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def up(self, *, build: bool = True) -> None:
        """Build what changed, start everything and wait until it is healthy; fetch what a client's user needs."""
        done = self.compose(
            # With another tag for the sample it would be made anew, as that.
            "up",
            "--build" if build and not self.sample else "--no-build",
            "--detach",
            "--wait",
            *self._without_grafana(),
            "--wait-timeout",
            str(_UP_SECONDS - 60),
        )
        assert done.returncode == 0, done.stderr[-4000:] + self.compose("logs", "--tail", "20").stdout[-8000:]
        for source, name in (("/edge/ca.pem", "ca.pem"), ("/operator/secrets/ada", "ada")):
            taken = self.compose("cp", f"prepare:{source}", str(self.folder / name))
            assert taken.returncode == 0, taken.stderr

    def _without_grafana(self) -> list[str]:
        """Options that leave it out where its image is not: the only one that has no stand-in."""
        if "observability" not in self.profiles or self.client.images.list(_pins()["grafana"]["image"]):
            return []
        # Compose would pull the image of a part that it starts none of.
        return ["--scale", "grafana=0", "--pull", "never"]

    def down(self) -> None:
        """Remove containers, networks and volumes; the images stay for the next run."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
        for tag in set(self._releases):
            self.client.images.remove(f"sample-deep-research-mcp:{tag}")
        self.client.close()

    def release(self, name: str) -> str:
        """Build the sample with the tests' tools (``trial``) as a release; gives its image's id and sets ``sample``."""
        self.sample = f"{self.project}-{name}"
        image, _ = self.client.images.build(
            path=str(CHECKOUT / "tests" / "e2e" / "docker" / "trial"),
            tag=f"sample-deep-research-mcp:{self.sample}",
            buildargs={"RELEASE": name},
            rm=True,
        )
        self._releases.append(self.sample)
        return str(image.id)

    def part(self, service: str) -> Container:
        """The container of a service, freshly inspected; one-shot ones too."""
        labels = [f"com.docker.compose.project={self.project}", f"com.docker.compose.service={service}"]
        (container,) = self.client.containers.list(all=True, filters={"label": labels})
        return container

    def state(self, service: str) -> dict[str, Any]:
        """What the engine says of a part: State, HostConfig, Config and so on."""
        attrs: dict[str, Any] = self.part(service).attrs
        return attrs

    def wait_healthy(self, service: str, *, seconds: float = 240) -> None:
        """Until the engine's own health check passes."""
        deadline = time.monotonic() + seconds
        while (seen := self.state(service)["State"].get("Health", {}).get("Status")) != "healthy":
            assert time.monotonic() < deadline, f"{service} is {seen}: {self.part(service).logs(tail=20).decode()}"
            time.sleep(0.5)

    def wait_restarted(self, service: str, *, since: int, seconds: float = 60) -> None:
        """Until the engine started a part once more than ``since`` times."""
        deadline = time.monotonic() + seconds
        while self.state(service)["RestartCount"] <= since:
            assert time.monotonic() < deadline, f"{service} was not started again"
            time.sleep(0.2)

    def run(self, service: str, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command inside a running part."""
        return self.compose("exec", "--no-TTY", service, *command, timeout=60)

    def target(self, *scopes: str) -> LinkTarget:
        """What a client links to, as the first test user."""
        password = Secret((self.folder / "ada").read_text().strip())
        issuer = f"https://localhost:{self.port}/realms/mcp"
        return LinkTarget(self.mcp_url, self.folder / "ca.pem", "ada", password, scopes or (READ,), issuer)


@contextmanager
def deployed(folder: Path, *, profiles: str = "") -> Iterator[Deployment]:
    """compose.yaml, up and healthy, beside any other; removed at the end. Skips where no engine runs."""
    if reason := why_not():
        pytest.skip(reason)
    running = Deployment(
        folder=folder,
        project=f"gatelodge-test-{secrets.token_hex(3)}",
        # Private (RFC 1918), below Docker's own pools as a rule.
        network=f"172.31.{secrets.randbelow(200)}",
        profiles=profiles,
    )
    try:
        running.up()
        yield running
    finally:
        running.down()

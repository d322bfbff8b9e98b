"""What is done to a running deployment: a part killed, a part stopped, a part taken off a network and put back.

Not here: what must go on meanwhile (``test_faults``).
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from docker.models.networks import Network

from e2e.docker.deployment import Deployment

__all__ = ["cut", "kill", "network", "starts", "stopped"]


def kill(deployment: Deployment, part: str) -> None:
    """SIGKILL to a part's first process; back when the engine started it again and it is healthy."""
    before = deployment.state(part)
    # Its process, not `docker kill`: the engine takes that for a wish of the operator and starts nothing again.
    os.kill(before["State"]["Pid"], signal.SIGKILL)
    deployment.wait_restarted(part, since=before["RestartCount"])
    deployment.wait_healthy(part)


@contextmanager
def stopped(deployment: Deployment, part: str) -> Iterator[None]:
    """The part is stopped by the operator, and started at the end."""
    container = deployment.part(part)
    container.stop(timeout=20)
    try:
        yield
    finally:
        container.start()
        deployment.wait_healthy(part)


def network(deployment: Deployment, name: str) -> Network:
    """A network of compose.yaml by its name there."""
    labels = [f"com.docker.compose.project={deployment.project}", f"com.docker.compose.network={name}"]
    (found,) = deployment.client.networks.list(filters={"label": labels})
    return found


@contextmanager
def cut(deployment: Deployment, part: str, *names: str) -> Iterator[None]:
    """The part is off these networks, and at the end on them again as it was: names, and the address if it was fixed."""
    taken = []
    try:
        for name in names:
            of, container = network(deployment, name), deployment.part(part)
            was = container.attrs["NetworkSettings"]["Networks"][of.name]
            of.disconnect(container)
            taken.append((of, container, was))
        yield
    finally:
        for of, container, was in taken:
            fixed = (was["IPAMConfig"] or {}).get("IPv4Address")
            of.connect(container, aliases=was["Aliases"], ipv4_address=fixed)


def starts(deployment: Deployment, *parts: str) -> dict[str, str]:
    """When each part was started; another time after a restart of any kind."""
    return {part: deployment.state(part)["State"]["StartedAt"] for part in parts}

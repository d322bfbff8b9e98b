"""One deployment for all tests of this folder; skipped with the reason where no Docker engine runs."""

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_TESTS = str(Path(__file__).resolve().parents[2])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)

from e2e.docker.deployment import Deployment, why_not  # noqa: E402 - after the path


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long runs out unless they are asked for."""
    if "cluster" in config.getoption("markexpr"):
        return
    long = [item for item in items if item.get_closest_marker("cluster")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """compose.yaml, up and healthy; removed at the end of the run."""
    if reason := why_not():
        pytest.skip(reason)
    running = Deployment(
        folder=tmp_path_factory.mktemp("deployment"),
        project=f"gatelodge-test-{secrets.token_hex(3)}",
        # Private (RFC 1918), below Docker's own pools as a rule.
        network=f"172.31.{secrets.randbelow(200)}",
    )
    try:
        running.up()
        yield running
    finally:
        running.down()


@pytest.fixture(scope="session")
def pair(deployment: Deployment) -> Deployment:
    """The same deployment with a second replica, both of a release with the tests' tools; it stays so."""
    deployment.release("1")
    deployment.second_replica = True
    deployment.up()
    return deployment

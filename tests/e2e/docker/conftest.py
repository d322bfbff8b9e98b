"""One deployment for all tests of this folder; skipped with the reason where no Docker engine runs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_TESTS = str(Path(__file__).resolve().parents[2])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)

from e2e.docker.deployment import Deployment, deployed  # noqa: E402 - after the path


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
    with deployed(tmp_path_factory.mktemp("deployment")) as running:
        yield running


@pytest.fixture(scope="session")
def pair(deployment: Deployment) -> Deployment:
    """The same with a second replica, both of a release with the tests' tools, and what replicas want: one place that
    counts limits, and who watches them (without Grafana where its image is not). It stays so.
    """
    deployment.release("1")
    deployment.second_replica = True
    deployment.profiles, deployment.redis_url = "observability", "redis://valkey:6379/0"
    deployment.up()
    return deployment

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

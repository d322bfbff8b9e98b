"""One copy of deploy/cloudflare with its packages and its bundle for all tests of this folder."""

import sys
from pathlib import Path

import pytest

_TESTS = str(Path(__file__).resolve().parents[2])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)

from e2e.cloudflare.project import Project, copied_or_skip  # noqa: E402 - after the path


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The copy; skipped with the reason where npm's packages cannot be had."""
    return copied_or_skip(tmp_path_factory.mktemp("cloudflare"))


@pytest.fixture(scope="session")
def bundled(project: Project) -> Project:
    """The copy with the folder ``bundle``, what wrangler would upload, and ``bundle.log``, what it said."""
    done = project.dry_run("--config", str(project.without_build()), "--outdir", "bundle")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    (project.folder / "bundle.log").write_text(said, encoding="utf-8")
    return project

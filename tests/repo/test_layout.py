"""The shape of the repository that was asked for: what lies at the top, what is installed, what ``make test`` insists on."""

import re
import tomllib

import pytest

from repo.checkout import ROOT

_TOP = (
    "README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE Makefile pyproject.toml requirements.lock .importlinter "
    ".ci/run docs/architecture.md docs/decisions docs/guides docs/reference framework sample-deep-research-mcp "
    "infra/versions.toml infra/traefik infra/keycloak tests/e2e"
)
_ASKED_FOR = "fastmcp python-keycloak joserfc httpx2 uvicorn starlette pydantic pytest docker"


@pytest.mark.parametrize("name", _TOP.split())
def test_what_was_asked_for_is_at_the_top(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("package", _ASKED_FOR.split())
def test_the_packages_asked_for_are_locked_with_hashes(package: str) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert re.search(rf"^{package}(\[[\w,-]+\])?==[^\n]*\\\n +--hash=sha256:", lock, re.MULTILINE)


def test_every_locked_package_has_a_hash_and_none_an_address() -> None:
    entries = re.split(
        r"^(?=[A-Za-z0-9])", (ROOT / "requirements.lock").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert len(entries) > 50
    for entry in entries[1:]:
        assert "==" in entry.partition("\n")[0], entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]
        assert "://" not in entry, entry[:80]


def test_make_test_lints_first_and_has_both_coverage_floors() -> None:
    assert re.search(r"^test: lint$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    script = (ROOT / "scripts" / "test.sh").read_text(encoding="utf-8")
    assert "--fail-under=90" in script
    assert "--fail-under=95" in script
    for package in ("resource_server", "issuer", "access", "registration", "app"):
        assert f"$src/{package}/*" in script


def test_make_test_runs_every_folder_of_tests() -> None:
    pytest_options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"][
        "ini_options"
    ]
    script = (ROOT / "scripts" / "test.sh").read_text(encoding="utf-8")
    words = [word for line in script.splitlines() if "${pytest[@]}" in line for word in line.split()]
    named = [word for word in words if re.fullmatch(r"[\w*/-]*tests[\w/]*", word)]
    assert set(pytest_options["testpaths"]) <= {
        str(path.relative_to(ROOT)) for name in named for path in ROOT.glob(name)
    }
    # What one of the two leaves out, the other runs.
    left_out = {word.partition("=")[2] for word in words if word.startswith("--ignore=")}
    assert left_out <= set(named)


def test_the_lint_forbids_broad_excepts_and_broken_chains() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    assert {"BLE", "B", "TRY", "E"} <= set(lint["select"])
    assert not {"BLE001", "B904", "E722"} & set(lint["ignore"])


def test_the_continuous_run_is_the_readmes_test_command() -> None:
    run = ROOT / ".ci" / "run"
    assert run.read_text(encoding="utf-8").rstrip().splitlines()[-1] == "exec make test"
    assert run.stat().st_mode & 0o100

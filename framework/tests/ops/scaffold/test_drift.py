"""The template and the sample are one: what both have is rendered for the sample and compared."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from gatelodge.ops.scaffold.parameters import Parameters
from gatelodge.ops.scaffold.render import render

_CHECKOUT = Path(__file__).resolve().parents[4]
_SAMPLE = _CHECKOUT / "sample-deep-research-mcp"
_RENDERED = render(Parameters("deep-research", "sample-deep-research-mcp", "sample", "sample:app", "/mcp"))
_SHARED = (
    ".dockerignore",
    "Dockerfile",
    "compose.yaml",
    "scripts/deploy",
    "scripts/dev",
    "scripts/env",
    "scripts/test",
)


@pytest.mark.parametrize("name", _SHARED)
def test_a_file_that_both_have_is_the_same(name: str) -> None:
    path = _SAMPLE / name
    assert path.read_text(encoding="utf-8") == _RENDERED[name]
    assert bool(path.stat().st_mode & 0o111) == _RENDERED[name].executable


@pytest.mark.parametrize("name", [".env.example", ".gitignore"])
def test_the_samples_own_lines_come_after_the_shared_ones(name: str) -> None:
    assert (_SAMPLE / name).read_text(encoding="utf-8").startswith(_RENDERED[name])


def test_the_projects_agree_but_for_name_and_packages() -> None:
    sample = tomllib.loads((_SAMPLE / "pyproject.toml").read_text(encoding="utf-8"))
    template = tomllib.loads(_RENDERED["pyproject.toml"])
    for section in ("build-system", "dependency-groups", "tool"):
        assert sample[section] == template[section], section
    for member in ("name", "version", "readme", "requires-python"):
        assert sample["project"][member] == template["project"][member], member
    assert set(template["project"]["dependencies"]) <= set(sample["project"]["dependencies"])


def test_the_route_of_the_samples_container_is_the_native_stacks() -> None:
    dynamic = yaml.safe_load((_CHECKOUT / "infra" / "traefik" / "dynamic.yaml").read_text(encoding="utf-8"))
    router = dynamic["http"]["routers"]["server"]
    labels = yaml.safe_load(_RENDERED["compose.yaml"])["services"]["deep-research"]["labels"]
    assert re.sub(r"\s+", " ", labels["traefik.http.routers.deep-research.rule"]) == router["rule"]
    assert labels["traefik.http.routers.deep-research.priority"] == str(router["priority"])
    assert labels["traefik.http.routers.deep-research.entrypoints"] == router["entryPoints"][0]
    assert labels["traefik.http.routers.deep-research.middlewares"] == f"{router['middlewares'][0]}@file"


def test_the_template_is_the_shorter_one() -> None:
    template = sum(len(text.splitlines()) for name, text in _RENDERED.items() if name.startswith("src/"))
    assert template <= 60

"""The workspace server is what its files say: importable without settings, one name everywhere, an example that loads."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from gatelodge.settings.connections import ConnectionSettings
from gatelodge.settings.proxy import ProxySettings
from gatelodge.settings.server import ServerSettings
from gatelodge.settings.vault import VaultSettings
from gatelodge.settings.web import WebSettings
from gatelodge.toolpacks.packs import NAMES
from workspace import PACKS

ROOT = Path(__file__).parents[2]
SETTINGS = (ServerSettings, VaultSettings, ConnectionSettings, WebSettings, ProxySettings)


def test_it_serves_every_pack_there_is() -> None:
    assert set(PACKS) == set(NAMES)


def test_the_description_names_the_app_and_its_pages() -> None:
    described = yaml.safe_load((ROOT / "gatelodge.yaml").read_text())
    assert (described["name"], described["path"]) == ("workspace", "/workspace/mcp")
    assert set(described["scopes"]) == {"read", "write"}
    assert described["accounts"] is True


def test_every_variable_of_the_example_is_one_that_is_read() -> None:
    named = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    known = {
        field.validation_alias if isinstance(field.validation_alias, str) else f"GATELODGE_{name}".upper()
        for model in SETTINGS
        for name, field in model.model_fields.items()
    }
    assert len(named) > 10
    assert named <= known, named - known


def test_the_example_starts_the_server_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text((ROOT / ".env.example").read_text())
    done = subprocess.run(
        [sys.executable, "-c", "from workspace import app; print(type(app).__name__)"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "ObservedApplication", done.stderr


def test_the_package_is_imported_without_settings(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import workspace; print(workspace.PACKS[0])"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

"""The toolbox server is what its files say: importable without settings, one name everywhere, an example that loads."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gatelodge import SettingsInvalid, load_settings
from gatelodge.settings.connections import ConnectionSettings
from gatelodge.settings.proxy import ProxySettings
from gatelodge.settings.server import ServerSettings
from gatelodge.settings.vault import VaultSettings
from gatelodge.settings.web import WebSettings
from gatelodge.toolpacks.packs import load
from toolbox import PACKS
from toolbox.settings import ToolboxSettings

ROOT = Path(__file__).parents[2]
SETTINGS = (ToolboxSettings, ServerSettings, VaultSettings, ConnectionSettings, WebSettings, ProxySettings)


def variables() -> set[str]:
    """Every variable that a model of this process reads."""
    named = set()
    for model in SETTINGS:
        prefix = str(model.model_config["env_prefix"])
        for name, field in model.model_fields.items():
            alias = field.validation_alias
            choices = getattr(alias, "choices", [alias] if isinstance(alias, str) else [f"{prefix}{name}".upper()])
            named |= set(map(str, choices))
    return named


def of_the_example() -> dict[str, str]:
    """Name and value of each variable of the example, those commented out too."""
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_of_github_it_serves_one_tool_and_the_prompt() -> None:
    packs = [load(name) for name in PACKS]
    assert [tool.name for pack in packs for tool in pack.tools] == ["get_github_user_info"]
    assert [prompt.name for pack in packs for prompt in pack.prompts] == ["github_user_summary"]


def test_the_description_names_the_app_its_pages_and_the_claim() -> None:
    described = yaml.safe_load((ROOT / "gatelodge.yaml").read_text())
    assert (described["name"], described["path"], described["app"]) == ("toolbox", "/toolbox/mcp", "toolbox:app")
    assert set(described["scopes"]) == {"read", "write"}
    assert (described["accounts"], described["claims"]) == (True, ["github_login"])


def test_every_variable_of_the_example_and_of_the_readme_is_one_that_is_read() -> None:
    named = set(of_the_example())
    assert len(named) > 10
    assert named <= variables(), named - variables()
    told = set(re.findall(r"`(TOOLBOX_[A-Z_]+)`", (ROOT / "README.md").read_text()))
    assert told <= variables(), told - variables()


@pytest.mark.parametrize("whole", [False, True])
def test_the_example_starts_the_server_as_it_is_and_with_all_of_its_own_settings_on(
    tmp_path: Path, whole: bool
) -> None:
    text = (ROOT / ".env.example").read_text()
    if whole:
        own = ("TOOLBOX_", "GATELODGE_ALLOWED")
        text += "\n".join(f"{name}={value}" for name, value in of_the_example().items() if name.startswith(own))
    (tmp_path / ".env").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", "from toolbox import app; print(callable(app))"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "True", done.stderr


def test_the_package_is_imported_without_settings(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import toolbox; print(toolbox.PACKS[0])"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TOOLBOX_IMAGE_PROVIDER", "workers-ai", "TOOLBOX_IMAGE_URL: is missing, and TOOLBOX_IMAGE_PROVIDER is set"),
        ("TOOLBOX_IMAGE_URL", "http://models.example/v1", "TOOLBOX_IMAGE_URL: must be https"),
        ("TOOLBOX_LLM_URL", "https://models.example/v1", "TOOLBOX_LLM_MODEL: and TOOLBOX_LLM_URL are set together"),
        ("TOOLBOX_LLM_MODEL", "small", "TOOLBOX_LLM_MODEL: and TOOLBOX_LLM_URL are set together"),
        ("TOOLBOX_LLM_API_KEY_FILE", "/nowhere", "TOOLBOX_LLM_API_KEY_FILE: cannot read this file"),
        ("TOOLBOX_IMAGE_BYTES", "7", "TOOLBOX_IMAGE_BYTES: Input should be greater than or equal to 1024"),
        ("GATELODGE_ALLOWED_USERNAMES", "ada lovelace!", "GATELODGE_ALLOWED_USERNAMES: must hold GitHub logins"),
        ("GATELODGE_ALLOWED_USERNAMES", "gitlab:ada", "GATELODGE_ALLOWED_USERNAMES: must hold GitHub logins"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid, match=re.escape(says)):
        load_settings(ToolboxSettings)


def test_a_key_is_read_from_its_file_and_shown_to_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("canary-7531\n")
    monkeypatch.setenv("TOOLBOX_IMAGE_API_KEY_FILE", str(tmp_path / "key"))
    settings = load_settings(ToolboxSettings)
    assert settings.image_api_key is not None
    assert settings.image_api_key.reveal() == "canary-7531"
    assert "canary" not in repr(settings)


@pytest.mark.parametrize("name", ["GATELODGE_ALLOWED_USERNAMES", "ALLOWED_USERNAMES"])
def test_a_bare_name_is_a_github_login_under_both_names_of_the_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(ToolboxSettings).allowed_users == frozenset()
    monkeypatch.setenv(name, "octocat, github:hubot user:ada@example.com")
    assert load_settings(ToolboxSettings).allowed_users == {"github:octocat", "github:hubot", "user:ada@example.com"}

"""Where documents open, and how a wrong setting is reported."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gatelodge import SettingsInvalid, load_settings
from sample.settings import Settings

PACKAGE = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No .env, no variable but a readable folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("SAMPLE_BASE_URL", "SAMPLE_CORPUS_PUBLIC", "SAMPLE_LANGUAGE", "GATELODGE_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SAMPLE_CORPUS_DIR", str(tmp_path))
    monkeypatch.setenv("GATELODGE_PUBLIC_URL", "https://localhost:8443/mcp")


def test_a_source_url_wins_over_our_own_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_CORPUS_PUBLIC", "true")
    monkeypatch.setenv("SAMPLE_BASE_URL", "https://docs.example/handbook/")
    assert Settings().url_of("a b/c#d.md", "id") == "https://docs.example/handbook/a%20b/c%23d.md"


@pytest.mark.parametrize(
    ("public_url", "page"),
    [
        ("https://localhost:8443/mcp", "https://localhost:8443/d/id"),
        ("https://localhost:8443/other/mcp", "https://localhost:8443/other/d/id"),
    ],
)
def test_a_public_document_opens_on_our_own_page(monkeypatch: pytest.MonkeyPatch, public_url: str, page: str) -> None:
    monkeypatch.setenv("SAMPLE_CORPUS_PUBLIC", "true")
    monkeypatch.setenv("GATELODGE_PUBLIC_URL", public_url)
    settings = Settings()
    assert settings.url_of("a.md", "id") == page
    assert page.endswith(settings.page_path + "id")


def test_a_private_document_opens_nowhere() -> None:
    assert Settings().url_of("a.md", "id") == ""


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_BASE_URL", "")
    assert Settings().base_url is None


def test_every_fault_is_reported_at_once_with_variable_and_example(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SAMPLE_CORPUS_DIR", str(tmp_path / "missing"))
    monkeypatch.setenv("SAMPLE_BASE_URL", "docs.example")
    monkeypatch.setenv("SAMPLE_CORPUS_PUBLIC", "perhaps")
    monkeypatch.setenv("SAMPLE_LANGUAGE", "klingon")
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(Settings)
    text = caught.value.detail
    for name in ("SAMPLE_CORPUS_DIR", "SAMPLE_BASE_URL", "SAMPLE_CORPUS_PUBLIC", "SAMPLE_LANGUAGE"):
        assert text.count(f"  {name}: ") == 1
    assert text.count("(example: ") == 4
    assert str(tmp_path / "missing") in text


def test_a_file_in_place_of_the_folder_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file.md"
    file.write_text("x")
    monkeypatch.setenv("SAMPLE_CORPUS_DIR", str(file))
    with pytest.raises(ValidationError, match="Not a directory"):
        Settings()


def test_the_default_corpus_is_the_documentation_of_the_checkout() -> None:
    assert Settings.model_fields["corpus_dir"].default == PACKAGE.parent / "docs"


@pytest.mark.parametrize("file", [".env.example", "README.md"])
def test_every_setting_is_written_down(file: str) -> None:
    text = (PACKAGE / file).read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert str(field.validation_alias or f"SAMPLE_{name.upper()}") in text

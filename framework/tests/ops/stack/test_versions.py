"""The pins say the same everywhere."""

import re
import tomllib
from pathlib import Path

import pytest

from gatelodge.ops.stack.versions import PackagePin, PinsInvalid, read_versions

_CHECKOUT = Path(__file__).resolve().parents[4]
_PINS = _CHECKOUT / "infra" / "versions.toml"


def _locked(package: str) -> tuple[str, set[str]]:
    lock = (_CHECKOUT / "requirements.lock").read_text()
    entry = re.search(rf"^{re.escape(package)}==(\S+)((?: \\\n +--hash=sha256:[0-9a-f]+)+)", lock, re.MULTILINE)
    assert entry
    return entry[1], set(re.findall(r"sha256:([0-9a-f]{64})", entry[2]))


@pytest.mark.parametrize("part", ["traefik", "java", "jgo"])
def test_a_package_pin_is_the_one_of_the_lock(part: str) -> None:
    pin = getattr(read_versions(_PINS), part)
    assert isinstance(pin, PackagePin)
    assert (pin.version, set(pin.wheels)) == _locked(pin.package)


@pytest.mark.parametrize("part", ["traefik", "java", "jgo"])
def test_a_package_pin_is_the_one_the_framework_asks_for(part: str) -> None:
    pin = getattr(read_versions(_PINS), part)
    project = tomllib.loads((_CHECKOUT / "framework" / "pyproject.toml").read_text())
    assert f"{pin.package}=={pin.version}" in project["project"]["optional-dependencies"]["ops"]


def test_images_carry_the_pinned_versions() -> None:
    versions = read_versions(_PINS)
    # Images come out before archives: the same minor, never older (tests/repo/test_compose.py).
    minor = versions.keycloak.version.rpartition(".")[0]
    assert f":{minor}." in versions.keycloak.image
    assert versions.traefik.image is not None
    assert versions.traefik.image.endswith(f":v{versions.traefik.version}")


def test_a_change_of_archive_or_build_options_is_another_cached_build(tmp_path: Path) -> None:
    text = _PINS.read_text()
    names = {read_versions(_PINS).keycloak.cache_name}
    for before, after in (('sha256 = "27', 'sha256 = "28'), ('"--health-enabled=true"', '"--health-enabled=false"')):
        assert before in text
        (tmp_path / "versions.toml").write_text(text.replace(before, after))
        names.add(read_versions(tmp_path / "versions.toml").keycloak.cache_name)
    assert len(names) == 3


@pytest.mark.parametrize("text", ["", "[keycloak", "[keycloak]\nversion = '1'", "keycloak = 3"])
def test_an_unusable_pin_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "versions.toml"
    path.write_text(text)
    with pytest.raises(PinsInvalid, match=re.escape(str(path))):
        read_versions(path)


def test_a_missing_pin_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PinsInvalid, match=r"nothing\.toml"):
        read_versions(tmp_path / "nothing.toml")

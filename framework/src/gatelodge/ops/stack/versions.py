"""The pins of ``infra/versions.toml``: one per real part, read by the launcher and by deployment."""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["KeycloakPin", "PackagePin", "PinsInvalid", "Versions", "read_versions"]


class PinsInvalid(GatelodgeError):
    """The pin file is missing a value or has a wrong one."""

    code = Code.SETTINGS_INVALID


@dataclass(frozen=True, slots=True)
class KeycloakPin:
    """The Keycloak distribution: Maven coordinates, sha256 of the archive, build-time options of ``kc.sh``."""

    version: str
    group: str
    artifact: str
    packaging: str
    sha256: str
    build: tuple[str, ...]
    image: str

    @property
    def cache_name(self) -> str:
        """Folder name of the built distribution: another archive or another option is another folder."""
        digest = hashlib.sha256("\0".join((self.version, self.sha256, *self.build)).encode())
        return f"keycloak-{self.version}-{digest.hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class PackagePin:
    """A part that comes as a Python package: version and the sha256 of every file the lock accepts."""

    version: str
    package: str
    wheels: tuple[str, ...]
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Versions:
    """All pins."""

    keycloak: KeycloakPin
    traefik: PackagePin
    java: PackagePin
    jgo: PackagePin


def read_versions(path: Path) -> Versions:
    """Read the pin file. Raises: PinsInvalid."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return Versions(
            keycloak=KeycloakPin(**_tuples(document["keycloak"])),
            traefik=PackagePin(**_tuples(document["traefik"])),
            java=PackagePin(**_tuples(document["java"])),
            jgo=PackagePin(**_tuples(document["jgo"])),
        )
    except OSError as error:
        raise PinsInvalid(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise PinsInvalid(f"{path}: {type(error).__name__}: {error}") from error


def _tuples(section: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in section.items()}

"""Finding the real binaries that come as Python packages: Traefik and Java, at their pinned versions."""

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from gatelodge.ops.stack.failures import PartFailed
from gatelodge.ops.stack.versions import PackagePin, Versions

__all__ = ["Binaries", "find_binaries"]

_HINT = "Install the locked environment again; the README says how."


@dataclass(frozen=True, slots=True)
class Binaries:
    """Paths of the programs that the stack runs."""

    traefik: Path
    java: Path

    @property
    def java_home(self) -> Path:
        """What ``JAVA_HOME`` must be."""
        return self.java.parent.parent


def find_binaries(versions: Versions) -> Binaries:
    """Traefik and Java of the installed packages. Raises: PartFailed."""
    return Binaries(
        traefik=_program(versions.traefik, "traefik"),
        java=_program(versions.java, "java"),
    )


def _program(pin: PackagePin, name: str) -> Path:
    try:
        distribution = metadata.distribution(pin.package)
    except metadata.PackageNotFoundError as error:
        raise PartFailed(f"the package {pin.package} is not installed", hint=_HINT) from error
    if distribution.version != pin.version:
        raise PartFailed(f"{pin.package} is {distribution.version}, the pin says {pin.version}", hint=_HINT)
    # The record of the installation names the file, wherever the environment put its programs.
    for file in distribution.files or ():
        path = Path(str(file.locate()))
        if file.name == name and file.parent.name == "bin" and path.is_file():
            return path.resolve()
    raise PartFailed(f"{pin.package} {pin.version} has no program {name!r} for this platform", hint=_HINT)

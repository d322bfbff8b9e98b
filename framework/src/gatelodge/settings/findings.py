"""What is usable and still deserves a look: files of secrets that others can read, a value given twice, low ports.

Not here: faults, which refuse a start (``load``), and unknown names (``unknown``).
"""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings

from gatelodge.settings.given import Given
from gatelodge.settings.variables import FILE, Variable, variables

__all__ = ["warnings_of"]

_PRIVILEGED = 1024


def warnings_of(sections: Sequence[BaseSettings], given: Given) -> tuple[str, ...]:
    """One line for each warning about settings that were read."""
    production = any(getattr(section, "mode", "") == "production" for section in sections)
    lines = [line for section in sections for line in _warnings(section, given, production=production)]
    return tuple(dict.fromkeys(lines))


def _warnings(section: BaseSettings, given: Given, *, production: bool) -> Iterator[str]:
    known = {variable.member: variable for variable in variables(type(section))}
    for member, variable in known.items():
        value: Any = getattr(section, member)
        secret = known.get(member.removesuffix(FILE)) if member.endswith(FILE) else None
        if secret is not None and secret.secret and isinstance(value, Path):
            yield from _secret_file(variable, secret, value, given, production=production)
    port: Any = getattr(section, "port", None)
    if isinstance(port, int) and port < _PRIVILEGED and "port" in known:
        yield (
            f"{known['port'].name}: {port} needs the right to use ports below {_PRIVILEGED}, and no proxy before this"
            " process terminates TLS there"
        )
    if production and str(getattr(section, "public_url", "")).startswith("http://"):
        yield f"{known['public_url'].name}: is http, which only this machine can use, and GATELODGE_MODE is production"


def _secret_file(file: Variable, secret: Variable, path: Path, given: Given, *, production: bool) -> Iterator[str]:
    if given.source_of(secret) is not None:
        yield f"{file.name}: is not read, because {secret.name} is set too"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        # One that cannot be read was refused, or is reported by whoever opens it.
        return
    if production and mode & stat.S_IRWXO:
        yield f"{file.name}: every user of this machine may use the file, its mode is {mode:04o}: chmod o= {path}"

"""The template rendered: pure, from parameters to files.

Placeholders are ``%%{name}``, because ``$``, ``{{`` and ``<<`` mean something in the files themselves. An unknown one is
an error, so none is ever left over.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template

from gatelodge.ops.scaffold.parameters import Parameters

__all__ = ["RenderedFile", "render"]

_SUFFIX = ".tmpl"


class RenderedFile(str):
    """A file's text; ``executable`` says whether it is a program."""

    __slots__ = ()

    @property
    def executable(self) -> bool:
        """Programs say by their first line what runs them."""
        return self.startswith("#!")


class _Placeholders(Template):
    delimiter = "%%"
    pattern = r"%%\{(?P<braced>[a-z_]+)\}|(?P<escaped>(?!))|(?P<named>(?!))|(?P<invalid>%%\{)"  # type: ignore[assignment]


def render(parameters: Parameters) -> dict[str, RenderedFile]:
    """Every file of the new server by its path below the server's folder, in order."""
    values = parameters.values()
    found: dict[str, RenderedFile] = {}
    for path, text in sorted(_templates(files("gatelodge.ops.scaffold") / "template", "")):
        target = path.removesuffix(_SUFFIX).replace("PACKAGE", parameters.package).replace("dot-", ".")
        found[target] = RenderedFile(_Placeholders(text).substitute(values))
    return found


def _templates(folder: Traversable, prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _templates(entry, f"{path}/")
        elif path.endswith(_SUFFIX):
            found.append((path, entry.read_text(encoding="utf-8")))
    return found

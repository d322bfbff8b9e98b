"""Variables that are set and that nothing reads: mostly a name mistyped.

At a start they are a warning and no fault: an environment made for a newer version must not stop an older one, and
container platforms add variables named after their services. ``gatelodge config check`` counts them as faults.
"""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from pydantic_settings import BaseSettings

from gatelodge.settings.elsewhere import ELSEWHERE
from gatelodge.settings.given import Given
from gatelodge.settings.processes import sections_installed
from gatelodge.settings.variables import variables

__all__ = ["known_names", "unknown_variables"]

_PREFIX = "GATELODGE_"
# Shorter ones begin too many names.
_BEGINNING = 4


def unknown_variables(given: Given, further: Iterable[type[BaseSettings]] = ()) -> tuple[str, ...]:
    """A line for each ``GATELODGE_`` variable that is set and unknown, with the nearest known name.

    ``further`` are models beside ours: a server author's own.
    """
    near = frozenset(_names(further)) | ELSEWHERE.keys()
    left = sorted(name for name in given.sources if name.startswith(_PREFIX) and name not in near)
    # The other processes' sections load more than a server needs: only when a name is left over.
    known = known_names(further) if left else near
    return tuple(_line(name, given.sources[name], known) for name in left if name not in known)


def known_names(further: Iterable[type[BaseSettings]] = ()) -> frozenset[str]:
    """The names of all variables, whichever process reads them."""
    return frozenset(_names((*sections_installed(), *further))) | ELSEWHERE.keys()


def _names(models: Iterable[type[BaseSettings]]) -> Iterator[str]:
    for model in models:
        for variable in variables(model):
            yield from variable.names


def _line(name: str, source: str, known: Iterable[str]) -> str:
    near = _nearest(
        name.removeprefix(_PREFIX), sorted(one.removeprefix(_PREFIX) for one in known if one.startswith(_PREFIX))
    )
    return f"{name}: nothing reads this variable ({source})" + (f"; did you mean {_PREFIX}{near}?" if near else "")


def _nearest(name: str, known: Sequence[str]) -> str | None:
    """Without the prefix, which makes all of them alike; the beginning of a name stands for it."""
    begun = [one for one in known if len(name) >= _BEGINNING and one.startswith(f"{name}_")]
    return min(begun, key=len, default=None) or next(iter(get_close_matches(name, known, n=1, cutoff=0.75)), None)

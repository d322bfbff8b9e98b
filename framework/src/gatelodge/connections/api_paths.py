"""Paths of API calls: split, decoded, checked and encoded again, so that a value cannot leave its place in the path.

Invariant: what goes out is ``/`` and encoded segments, none of which is empty, a dot segment, or holds a sign that some
server could read as the end of a segment or of the path, whether it is written plainly, escaped, escaped twice or as
another sign that normalises to one (CWE-22; class of CVE-2026-32871). Not here: which paths are allowed (``proxy``).
"""

import re
import unicodedata
from urllib.parse import quote, unquote_to_bytes

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["PathRefused", "canonical", "encoded", "fill", "segments"]

MAX_PATH = 2048
_PLACE = re.compile(r"\{(\w+)(\.\.\.)?\}")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What ends a segment or a path for one server or another; a percent sign would be an escape within an escape.
_CLOSED = frozenset("/\\?#%;")
# RFC 3986, section 3.3: pchar without ";".
_KEPT = "!$&'()*+,:=@"


class PathRefused(GatelodgeError):
    """The path is none that may be sent; the detail names what is wrong with it, not what was given."""

    code = Code.PROXY_REFUSED


def segments(path: str) -> tuple[str, ...]:
    """The decoded segments of an absolute path. Raises: PathRefused."""
    if not path.startswith("/") or len(path) > MAX_PATH:
        raise PathRefused(f"a path begins with one slash and has at most {MAX_PATH} characters")
    if not path.isascii() or not path.isprintable() or " " in path:
        raise PathRefused("a path is printable ASCII; other signs are percent-encoded UTF-8")
    return tuple(map(_decoded, path[1:].split("/")))


def canonical(path: str) -> str:
    """The same path in the one spelling that is sent. Raises: PathRefused."""
    return encoded(segments(path))


def encoded(parts: tuple[str, ...]) -> str:
    """A path of decoded segments."""
    return "".join("/" + quote(part, safe=_KEPT) for part in parts)


def fill(template: str, /, **values: str | int) -> str:
    """A path from a template such as ``/repos/{owner}/{repo}``; ``{path...}`` takes several segments.

    Raises: PathRefused for a value that does not fit into its place; KeyError for one that is missing.
    """
    parts = list[str]()
    for part in template.removeprefix("/").split("/"):
        place = _PLACE.fullmatch(part)
        if place is None:
            parts.append(part)
            continue
        value = str(values[place[1]])
        parts.extend(map(_checked, value.split("/") if place[2] else [value]))
    path = encoded(tuple(parts))
    if len(path) > MAX_PATH:
        raise PathRefused(f"a path has at most {MAX_PATH} characters")
    return path


def _decoded(segment: str) -> str:
    if _ESCAPE.search(segment):
        raise PathRefused("a percent sign begins no escape")
    try:
        return _checked(unquote_to_bytes(segment).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise PathRefused("an escape is not UTF-8") from error


def _checked(value: str) -> str:
    """One segment as it is meant. Raises: PathRefused."""
    # Some servers normalise before they look: a full-width slash is a slash to them.
    for form in (value, unicodedata.normalize("NFKC", value)):
        if not form or form.strip(". ") == "":
            raise PathRefused("a segment is empty or made of dots")
        if not _CLOSED.isdisjoint(form):
            raise PathRefused("a segment holds a sign that ends segments or paths")
        if any(unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"} for sign in form):
            raise PathRefused("a segment holds a control character or one that is not seen")
    if any(sign in "\u2044\u2215\u29f8\u29f5\u2216\u2024\u3002" for sign in value):
        raise PathRefused("a segment holds a sign that looks like a slash or a dot")
    return value

"""The summary as Markdown and as one HTML page: no script, no other file, everything escaped."""

import base64
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

__all__ = ["as_html", "as_markdown", "without_images"]

_IMAGE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]*")
_MISSING = "not sampled"


def as_markdown(summary: Mapping[str, Any]) -> str:
    """The page for readers of the repository."""
    return _render("report.md.j2", summary, {}, escape=False)


def as_html(summary: Mapping[str, Any], images: Mapping[str, bytes]) -> str:
    """The page with plots inside."""
    coded = {name: base64.b64encode(data).decode("ascii") for name, data in images.items()}
    return _render("report.html.j2", summary, coded, escape=True)


def without_images(page: str) -> str:
    """A page's text: images differ between versions of the library that draws them."""
    return _IMAGE.sub("data:image/png;base64,", page)


def _render(name: str, summary: Mapping[str, Any], images: Mapping[str, str], *, escape: bool) -> str:
    source = (files("gatelodge.ops.slo") / "templates" / name).read_text(encoding="utf-8")
    environment = Environment(
        loader=DictLoader({name: source}),
        autoescape=escape,  # noqa: S701 - off for Markdown, whose cells have their own escape
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"plain": _plain, "number": _number, "limit": _limit, "basis": _basis, "cell": _cell}
    return environment.get_template(name).render(images=images, **summary)


def _plain(value: float | None) -> str:
    return _MISSING if value is None else f"{value:g}" if abs(value) < 1e5 else str(value)


def _number(value: float | None, unit: str) -> str:
    return "not measured" if value is None else f"{_plain(value)} {unit}"


def _limit(better: str, value: float, unit: str) -> str:
    return f"{'at most' if better == 'lower' else 'at least'} {_plain(value)} {unit}"


def _basis(figure: Mapping[str, Any]) -> str:
    if figure["why"]:
        return str(figure["why"])
    if "of" in figure:
        return f"{figure['count']} of {figure['of']}"
    failed = f", {figure['failed']} failed" if figure.get("failed") else ""
    return f"{figure['samples']} samples{failed}, {_plain(figure['min'])} to {_plain(figure['max'])}"


def _cell(text: object) -> str:
    """A text in a Markdown table: one line, no mark-up of its own."""
    flat = " ".join(str(text).split())
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", flat)

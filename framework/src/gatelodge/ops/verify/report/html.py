"""The report as one page: no script, no other file, everything from the server escaped.

Invariant: an exchange that several checks rest on is shown once, the others point to it; what a failed check rests on is
shown whole, other bodies are cut. The JSON report has everything.
"""

from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from gatelodge.ops.verify.check import Status
from gatelodge.ops.verify.report.document import as_document
from gatelodge.ops.verify.run import Verification

__all__ = ["as_html"]

_NAME = "report.html.j2"
_FAIL = Status.FAIL.value
# Characters of a body: of a failed check, of the others.
_WHOLE, _SHORT = 64 * 1024, 600


def as_html(report: Verification) -> str:
    """The page."""
    source = (files("gatelodge.ops.verify.report") / "templates" / _NAME).read_text(encoding="utf-8")
    environment = Environment(
        loader=DictLoader({_NAME: source}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    document = as_document(report)
    _once(document["checks"])
    return environment.get_template(_NAME).render(report=document, sections=_sections(document["checks"]))


def _once(checks: list[dict[str, Any]]) -> None:
    """Number the exchanges, keep each where a failed check, else the first one, shows it, and cut long bodies."""
    shown: dict[str, int] = {}
    for check in sorted(checks, key=lambda check: check["outcome"] != _FAIL):
        limit = _WHOLE if check["outcome"] == _FAIL else _SHORT
        for exchange in check["evidence"]:
            key = repr(exchange)
            exchange["again"] = key in shown
            exchange["number"] = shown.setdefault(key, len(shown) + 1)
            for part in ("request_body", "body"):
                exchange[part] = _cut(exchange[part], limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n[{len(text) - limit} characters more]"


def _sections(checks: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    names = dict.fromkeys(str(check["section"]) for check in checks)
    return [(name, [check for check in checks if check["section"] == name]) for name in names]

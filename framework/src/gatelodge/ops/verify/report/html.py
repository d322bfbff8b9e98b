"""The report as one page: no script, no other file, everything from the server escaped."""

from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined

from gatelodge.ops.verify.report.document import as_document
from gatelodge.ops.verify.run import Verification

__all__ = ["as_html"]

_NAME = "report.html.j2"


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
    return environment.get_template(_NAME).render(report=document, sections=_sections(document["checks"]))


def _sections(checks: list[dict[str, object]]) -> list[tuple[str, list[dict[str, object]]]]:
    names = dict.fromkeys(str(check["section"]) for check in checks)
    return [(name, [check for check in checks if check["section"] == name]) for name in names]

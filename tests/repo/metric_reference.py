"""Writes ``docs/reference/metrics.md`` from ``observability/metrics.py``, ``traffic.py``, the alerts and the dashboard.

PYTHONPATH=tests .venv/bin/python tests/repo/metric_reference.py > docs/reference/metrics.md
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from prometheus_client import ProcessCollector
from prometheus_client.metrics import MetricWrapperBase

from gatelodge.observability import metrics, traffic
from gatelodge.resource_server.errors import Reason
from repo.checkout import ROOT

__all__ = ["FOLDER", "Family", "alerts", "families", "panels", "render", "used"]

FOLDER = ROOT / "infra" / "observability"
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}

_HEAD = """\
# Metrics

This page is generated from `framework/src/gatelodge/observability/`, the alerts and the dashboard of
`infra/observability/`; a test compares them. To write it again:

```bash
PYTHONPATH=tests .venv/bin/python tests/repo/metric_reference.py > docs/reference/metrics.md
```

The desk and each server show them at `/metrics` of a bind of their own
([settings](settings.md#logs-metrics-and-traces)). A counter's series has the name with `_total`, a histogram's with
`_bucket`, `_count` and `_sum`. Prometheus adds `job`, `instance` and `part`, the name of the process (`desk`, `server` or
`sample`, and the further servers). What to do about them is in [operating](../guides/operating.md).
"""
_LABELS = """
## Values of labels

Every label has a closed set of values, or one that the operator's settings bound; what comes from outside is put under
`other`.

| Label | Values |
|---|---|
"""


@dataclass(frozen=True)
class Family:
    """A metric family as its process declares it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def series(self) -> frozenset[str]:
        """The names that a query can use."""
        return frozenset(f"{self.name.removesuffix('_total')}{suffix}" for suffix in _SUFFIXES[self.kind])


def families() -> dict[str, Family]:
    """Ours and those of the process, by name."""
    found = [value for module in (metrics, traffic) for value in vars(module).values()]
    ours = {
        each._name: Family(each._name, str(each._type), tuple(each._labelnames), each._documentation)
        for each in found
        if isinstance(each, MetricWrapperBase)
    }
    process = {
        each.name: Family(each.name, each.type, (), each.documentation)
        for each in ProcessCollector(registry=None).collect()
    }
    return ours | process


def alerts() -> dict[str, dict[str, Any]]:
    """The rules by name."""
    document = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"]}


def panels() -> dict[str, list[str]]:
    """The dashboard's queries by the title of their panel, each under its row."""
    path = FOLDER / "grafana" / "dashboards" / "gatelodge.json"
    found: dict[str, list[str]] = {}
    row = ""
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        else:
            found[f"{row}: {panel['title']}"] = [target["expr"] for target in panel["targets"]]
    return found


def used(query: str) -> frozenset[str]:
    """The series that a query reads."""
    without = re.sub(r'"[^"]*"|\b(?:by|on|without|ignoring)\s*\([^)]*\)|\$\w+', " ", query)
    without = re.sub(r"\{[^}]*\}", "{}", without)
    names = re.findall(r"[a-z_:][a-z0-9_:]*(?!\s*\(|[a-z0-9_:])", without)
    return frozenset(name for name in names if name not in {"and", "or", "unless", "bool", "s", "m", "h", "d"})


def _seen_in(family: Family) -> Iterator[str]:
    for title, queries in panels().items():
        if any(family.series & used(query) for query in queries):
            yield title
    for name, rule in alerts().items():
        if family.series & used(rule["expr"]):
            yield f"`{name}`"


def _values() -> dict[str, str]:
    verdicts = ["accepted", "absent", "malformed", "unavailable", *(reason.value for reason in Reason)]
    return {
        "answer": "`allow`, `step_up`, `deny`, `unknown`",
        "code": "the [error codes](errors.md)",
        "issuer": "the issuer's URL, a setting",
        "kind": "the [kinds of audit events](../guides/audit.md#what-is-recorded)",
        "limit": "the names in the [runbook](../runbooks/limits.md); `requests` is overload",
        "method": "of HTTP, of MCP's JSON-RPC, else `other`",
        "outcome": "`ok` or `failed` (keys); `ok`, `denied`, `refused`, `interrupted` or an error code (OAuth); "
        "`renewed`, `failed`, `dead`, `not_kept` (refreshes); as in the trail (audit)",
        "part": "`desk`, `server`; Prometheus shows it as `exported_part`",
        "provider": "the configured providers; `issuer` for sign-ins",
        "python": "the interpreter's version",
        "route": "a class of routes: `mcp`, `metadata`, `health`, `api_docs`, those of the pages, of the desk, `other`",
        "rule": "the access rules, `none`",
        "status": "the HTTP status; `none`: the client went first",
        "step": "`sign_in`, `link`, `code`, `refresh`",
        "tool": "the server's own tools, 200 at most, then `other`",
        "verdict": ", ".join(f"`{verdict}`" for verdict in dict.fromkeys(verdicts)),
        "version": "of gatelodge",
    }


def render() -> str:
    """The whole page."""
    lines = [_HEAD, "| Metric | Kind | Labels | What it is | On the dashboard, in alerts |", "|---|---|---|---|---|"]
    for name, family in sorted(families().items()):
        labels = ", ".join(f"`{label}`" for label in family.labels) or "none"
        seen = "; ".join(_seen_in(family)) or "nowhere"
        lines.append(f"| `{name}` | {family.kind} | {labels} | {family.meaning} | {seen} |")
    values = _values()
    names = sorted({label for family in families().values() for label in family.labels})
    return "\n".join(lines) + "\n" + _LABELS + "".join(f"| `{name}` | {values[name]} |\n" for name in names)


if __name__ == "__main__":
    sys.stdout.write(render())

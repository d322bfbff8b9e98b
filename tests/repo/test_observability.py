"""infra/observability: rules that promtool takes and tries, and no query for a figure or label that no process has."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from gatelodge.ops.stack.prometheus import scrape_targets
from repo.checkout import ROOT
from repo.markdown import links, slugs
from repo.metric_reference import FOLDER, alerts, families, panels, render, used

# What Prometheus adds, and what a histogram's series have.
_ADDED = {"part", "job", "instance", "le"}
# Figures of others that the queries use, with the labels that they use (Traefik 3.7, Keycloak 26.7, Prometheus).
_OTHERS = {
    "up": set(),
    "traefik_entrypoint_requests_total": {"entrypoint", "code"},
    "traefik_tls_certs_not_after": {"cn", "sans"},
    "http_server_requests_seconds_count": {"status"},
    "jvm_memory_used_bytes": {"area"},
    "agroal_active_count": set[str](),
    "agroal_awaiting_count": set[str](),
}
# Figures of ours that nobody is shown, and why.
_UNSEEN = {
    "process_start_time_seconds": "a restart shows in every counter",
    "process_virtual_memory_bytes": "what counts is what is resident",
}


def queries() -> dict[str, str]:
    """Every query of the alerts and of the dashboard, by where it is."""
    shown = {f"{title} {number}": query for title, all_ in panels().items() for number, query in enumerate(all_)}
    return shown | {name: rule["expr"] for name, rule in alerts().items()}


def labels_of(query: str) -> set[str]:
    """The labels that a query matches or groups by."""
    matched = {name for inside in re.findall(r"\{([^}]*)\}", query) for name in re.findall(r"(\w+)\s*(?:=|!)", inside)}
    grouped = re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", query)
    return matched | {name.strip() for names in grouped for name in names.split(",")}


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """The labels of every series that can be asked for."""
    ours = {series: set(family.labels) for family in families().values() for series in family.series}
    return ours | _OTHERS


def test_every_query_reads_series_and_labels_that_exist(known: dict[str, set[str]]) -> None:
    assert len(queries()) > 40
    for place, query in queries().items():
        series = used(query)
        assert series, place
        assert series <= known.keys(), place
        assert labels_of(query) - _ADDED <= set.union(*(known[name] for name in series)), place


def test_every_figure_and_label_of_ours_is_on_the_dashboard_or_has_a_reason() -> None:
    read = {name for shown in panels().values() for query in shown for name in used(query)}
    unseen = {name for name, family in families().items() if not family.series & read}
    assert unseen == set(_UNSEEN)
    for name, family in families().items():
        # A table shows every label.
        if name in _UNSEEN or name == "gatelodge_build_info":
            continue
        shown = {
            label
            for each in panels().values()
            for query in each
            if family.series & used(query)
            for label in labels_of(query)
        }
        assert set(family.labels) <= shown, name


def test_a_query_s_series_are_found_in_all_forms() -> None:
    query = 'sum by (part, le) (rate(a_total{x=~"b|c_total"}[5m])) / on (part) b_count > 2 and d{} == 0 or e offset 5m'
    assert used(query) >= {"a_total", "b_count", "d", "e"} - {"d"}
    assert "c_total" not in used(query)
    assert labels_of(query) == {"part", "le", "x"}


def test_the_reference_of_metrics_is_the_generated_one() -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    assert page == render(), (
        "run: PYTHONPATH=tests .venv/bin/python tests/repo/metric_reference.py > docs/reference/metrics.md"
    )


def test_every_alert_says_what_a_person_does_and_names_its_runbook() -> None:
    guide = (ROOT / "docs" / "guides" / "operating.md").read_text(encoding="utf-8")
    index = ROOT / "docs" / "runbooks" / "README.md"
    listed = {(index.parent / link).resolve() for link in links(index.read_text(encoding="utf-8"))}
    for name, rule in alerts().items():
        assert set(rule["annotations"]) == {"summary", "do", "runbook"}, name
        assert rule["labels"]["severity"] in {"page", "ticket"}, name
        runbook = ROOT / rule["annotations"]["runbook"]
        assert runbook.parent == index.parent, name
        assert runbook.resolve() in listed, name
        # Found by the alert's name, which is what a person has in hand.
        assert f"`{name}`" in runbook.read_text(encoding="utf-8"), name
        assert f"`{name}`" in guide, name
    assert not slugs(guide) & {"todo"}


def test_every_alert_is_tried_both_ways() -> None:
    document = yaml.safe_load((FOLDER / "alerts_test.yml").read_text(encoding="utf-8"))
    tried = [each for test in document["tests"] for each in test["alert_rule_test"]]
    assert {each["alertname"] for each in tried if each["exp_alerts"]} == set(alerts())
    assert {each["alertname"] for each in tried if not each["exp_alerts"]} == set(alerts())


@pytest.fixture
def promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool on this machine (Debian's package prometheus has it)")
    return program


def run(*command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """The ended process, its two outputs as one."""
    return subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
    )


def test_promtool_takes_the_configuration(promtool: str, tmp_path: Path) -> None:
    (tmp_path / "targets").mkdir()
    for name, text in scrape_targets({"desk": "desk:9464"}, keycloak="keycloak:9000", traefik="traefik:8080").items():
        (tmp_path / "targets" / name).write_text(text)
    for name in ("prometheus.yml", "alerts.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    done = run(promtool, "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml", folder=tmp_path)
    assert done.returncode == 0, done.stdout
    # Every file of targets is read by a job.
    assert set(re.findall(r"targets/(\w+\.json)", (FOLDER / "prometheus.yml").read_text("utf-8"))) == {
        path.name for path in (tmp_path / "targets").iterdir()
    }


def test_promtool_tries_the_alerts(promtool: str) -> None:
    done = run(promtool, "test", "rules", "alerts_test.yml", folder=FOLDER)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("was", "becomes"),
    [('route!="health"', 'route!="none"'), ("for: 1m", "for: 3m"), ("absent|expired", "absent"), ("> 1000", "> 10000")],
)
def test_a_changed_rule_is_noticed(promtool: str, tmp_path: Path, was: str, becomes: str) -> None:
    rules = (FOLDER / "alerts.yml").read_text(encoding="utf-8")
    assert was in rules
    (tmp_path / "alerts.yml").write_text(rules.replace(was, becomes))
    shutil.copy(FOLDER / "alerts_test.yml", tmp_path)
    assert run(promtool, "test", "rules", "alerts_test.yml", folder=tmp_path).returncode != 0


def test_the_dashboard_is_what_grafana_reads() -> None:
    document = json.loads((FOLDER / "grafana" / "dashboards" / "gatelodge.json").read_text(encoding="utf-8"))
    [source] = yaml.safe_load(
        (FOLDER / "grafana" / "provisioning" / "datasources" / "prometheus.yaml").read_text(encoding="utf-8")
    )["datasources"]
    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)
    places: set[tuple[int, int]] = set()
    for panel in document["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & places, f"{panel['title']} is over another panel"
        places |= cells
        if panel["type"] == "row":
            continue
        assert panel["description"], panel["title"]
        assert {part["datasource"]["uid"] for part in (panel, *panel["targets"])} == {source["uid"]}, panel["title"]
        named = set(re.findall(r"\b[A-Z][a-z]+[A-Z]\w+", panel["description"]))
        assert named <= alerts().keys(), panel["title"]
    [provider] = yaml.safe_load(
        (FOLDER / "grafana" / "provisioning" / "dashboards" / "gatelodge.yaml").read_text(encoding="utf-8")
    )["providers"]
    grafana = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["grafana"]
    assert f"./infra/observability/grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    assert source["url"] == "http://prometheus:9090"

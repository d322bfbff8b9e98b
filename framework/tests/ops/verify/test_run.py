"""A run as a whole: what it leaves behind, what it does without a sign-in, what a refused sign-in stops."""

import json

import httpx2
import pytest
from faulty_server import Run
from markupsafe import escape
from scripted_realm import PASSWORD

from gatelodge.ops.verify.catalogue import CHECKS, SECTIONS
from gatelodge.ops.verify.check import Status
from gatelodge.ops.verify.profiles import PROFILES
from gatelodge.ops.verify.report.document import as_json
from gatelodge.ops.verify.report.html import as_html
from gatelodge.ops.verify.report.junit import as_junit
from gatelodge.ops.verify.report.text import as_text
from gatelodge.ops.verify.run import verify
from gatelodge.ops.verify.session import Target

ITEMS = [*(f"A{number}" for number in range(1, 6)), "B6", "B7", "B8", *(f"C{number}" for number in range(9, 15))]
ITEMS += ["D15", "D16", "E17", "E18", "E19", "E20", "F21", "F22", "F23", "G24", "G25", "G26", "G27"]


def test_every_item_of_the_checklist_has_checks_with_ids_of_their_own() -> None:
    ids = [check.id for check in CHECKS]
    assert len(ids) == len(set(ids))
    assert {name.split("-")[0] for name in ids} == {*ITEMS, "H28", "H29", "H30", "T1", "T2", "T3"}
    assert all(check.title and check.source and check.fix and check.section in SECTIONS for check in CHECKS)
    assert all(check.clients <= PROFILES.keys() for check in CHECKS)


async def test_the_registered_clients_are_removed_by_the_servers_own_management(run: Run) -> None:
    report = await run(checks=("B6-register", "B6-second", "B6-members"))
    assert report.removed == 3
    assert report.left_behind == ()


async def test_clients_that_cannot_be_removed_are_named(run: Run) -> None:
    report = await run("undeletable", checks=("B6-register",))
    assert len(report.left_behind) == 1
    assert report.left_behind[0] in as_text(report)
    assert report.left_behind[0] in as_html(report)


async def test_without_a_sign_in_what_lies_behind_it_is_not_evaluated_and_nothing_fails(run: Run) -> None:
    report = await run(signed=False)
    found = {finding.check.id: finding.outcome for finding in report.findings}
    assert report.exit_code == 0, [one for one in found.items() if one[1].status is Status.FAIL]
    assert found["C9-code"].status is Status.NOT_EVALUATED
    assert found["F21-hints"].status is Status.NOT_EVALUATED
    assert "no way to sign in" in found["D15-valid"].found
    assert found["D15-issuer"].status is Status.PASS, "needs no sign-in"


async def test_a_wrong_password_is_tried_once(run: Run) -> None:
    report = await run(password="not-the-password")
    tried = {
        (exchange.method, exchange.url, exchange.request_body)
        for finding in report.findings
        for exchange in finding.evidence
        if "login-actions/authenticate" in exchange.url
    }
    assert len(tried) == 1, "more would lock the account"
    assert {finding.check.id for finding in report.findings if finding.outcome.status is Status.FAIL} == {"C9-code"}


@pytest.mark.parametrize("form", [as_json, as_html, as_junit, as_text])
async def test_no_secret_is_in_a_report(run: Run, form: object) -> None:
    report = await run("token_repeated", "document_taken")
    assert callable(form)
    text = str(form(report))
    assert PASSWORD not in text
    assert "eyJ" not in text
    for secret in ("code-", "refresh-", "manage-client"):
        # What the issuer gave out begins so and goes on in hexadecimal digits.
        assert not any(part[:8].isalnum() and part[:8].islower() and _hex(part[:8]) for part in text.split(secret)[1:])


def _hex(text: str) -> bool:
    return len(text) == 8 and all(letter in "0123456789abcdef" for letter in text)


async def test_the_page_is_small_and_shows_a_failures_evidence_whole(run: Run) -> None:
    report = await run("document_taken", "no_hints", "token_cached")
    page, failures = as_html(report), [one for one in report.findings if one.outcome.status is Status.FAIL]
    assert len(page) < 300_000
    assert len(page) < len(as_json(report)) / 2
    for finding in failures:
        section = page.partition(f'id="{finding.check.id}"')[2].partition('<details class="check"')[0]
        assert section.count('class="exchange"') + section.count("#exchange-") == len(finding.evidence)
        assert all(str(escape(exchange.body)) in page for exchange in finding.evidence)
    assert failures


async def test_one_connection_that_cannot_be_made_is_one_finding() -> None:
    class Untrusted(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ConnectError("certificate verify failed", request=request)

    report = await verify(Target("https://mcp.test/mcp"), PROFILES["chatgpt"], transport=Untrusted())
    assert [one.check.id for one in report.findings if one.outcome.status is Status.FAIL] == ["A1-tls"]
    assert report.count(Status.PASS) == 0
    assert "certificate verify failed" in report.findings[-1].outcome.found


async def test_the_json_report_counts_what_it_lists(run: Run) -> None:
    document = json.loads(as_json(await run("no_hints", checks=("A2-status", "F21-hints", "D16-idle"))))
    assert document["counts"] == {"pass": 1, "fail": 1, "not_applicable": 0, "not_evaluated": 1}
    assert [check["id"] for check in document["checks"]] == ["A2-status", "F21-hints", "D16-idle"]
    assert document["checks"][0]["evidence"][0]["status"] == 401

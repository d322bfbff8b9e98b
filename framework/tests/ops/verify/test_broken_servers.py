"""A catalogue of broken servers, one or more per row of the failures that were seen in the wild: each fault is found by
its check. A server without a fault has no failing check as any client.

Rows without a server: 18 (``OAuth state not found`` at chatgpt.com), which is OpenAI's own.
"""

import pytest
from faulty_server import Run

from gatelodge.ops.verify.check import Finding, Status
from gatelodge.ops.verify.profiles import PROFILES
from gatelodge.ops.verify.run import Verification

# Row of the failures table (0: found by other means), fault, the client that meets it, the check that must find it.
BROKEN = [
    (1, "root_missing", "chatgpt", "A3-root"),
    (1, "root_stray", "chatgpt", "A3-root"),
    (1, "metadata_missing", "chatgpt", "A4-metadata"),
    (1, "issuer_slash", "chatgpt", "A4-metadata"),
    (2, "no_challenge", "chatgpt", "A2-challenge"),
    (2, "no_pointer", "chatgpt", "A2-pointer"),
    (3, "html_well_known", "chatgpt", "A4-json"),
    (4, "login_wall", "chatgpt", "A1-redirect"),
    (5, "no_registration", "chatgpt", "A5-registration"),
    (5, "foreign_ids", "chatgpt", "B6-second"),
    (6, "document_refused", "chatgpt", "B7-document"),
    (6, "signed_refused", "chatgpt", "B7-private-key-jwt"),
    (6, "any_key_taken", "chatgpt", "B7-private-key-jwt"),
    (6, "document_without_none", "claude", "A5-document-none"),
    (7, "redirect_refused", "chatgpt", "B6-register"),
    (7, "per_connection_refused", "chatgpt", "B6-callback"),
    (8, "iss_missing", "chatgpt", "C9-iss"),
    (8, "iss_slash", "chatgpt", "C9-iss"),
    (8, "iss_on_success_only", "chatgpt", "C9-iss-denied"),
    (8, "iss_on_success_only", "chatgpt", "C9-iss-scope"),
    (9, "offline_refused", "chatgpt", "C9-scopes"),
    (10, "no_refresh_token", "chatgpt", "C11-refresh"),
    (10, "offline_unlisted", "chatgpt", "A5-offline"),
    (11, "wrong_audience", "chatgpt", "C12-aud"),
    (11, "wrong_audience", "chatgpt", "D15-valid"),
    (12, "resource_is_origin", "claude", "A3-resource"),
    (13, "slash_redirect", "chatgpt", "A1-redirect"),
    (14, "compressed", "chatgpt", "E19-compression"),
    (14, "endless", "chatgpt", "E19-accept"),
    (14, "buffered", "chatgpt", "E19-stream"),
    (15, "discover_422", "chatgpt", "E17-discover"),
    (15, "meta_422", "chatgpt", "E18-tolerance"),
    (16, "post_405", "chatgpt", "E17-initialize-2025-11-25"),
    (17, "get_refused", "chatgpt", "A2-get"),
    (17, "get_refused", "chatgpt", "D15-get"),
    (19, "post_refused", "chatgpt", "B8-post"),
    (20, "slow_call", "chatgpt", "T3-calls"),
    (21, "session_state", "chatgpt", "E18-fresh"),
    (22, "firewall", "chatgpt", "A1-wall"),
    (22, "host_refused", "chatgpt", "A1-wall"),
    (22, "limited", "chatgpt", "G24-rate"),
    (23, "html_refusals", "chatgpt", "C14-dead"),
    (23, "html_refusals", "chatgpt", "C11-errors"),
    (23, "html_refusals", "chatgpt", "B6-errors"),
    (0, "s256_unlisted", "chatgpt", "A5-s256"),
    (0, "strict_members", "chatgpt", "B6-members"),
    (0, "state_changed", "chatgpt", "C9-state"),
    (0, "redirect_prefix", "chatgpt", "C9-redirect"),
    (0, "pkce_optional", "chatgpt", "C10-missing"),
    (0, "plain_taken", "chatgpt", "C10-plain"),
    (0, "verifier_ignored", "chatgpt", "C10-verifier"),
    (0, "code_twice", "chatgpt", "C10-reuse"),
    (0, "token_cached", "chatgpt", "C11-no-store"),
    (0, "rotation_ignored", "chatgpt", "C14-rotation"),
    (0, "expired_taken", "chatgpt", "D15-expired"),
    (0, "expired_taken", "chatgpt", "D15-signature"),
    (0, "expired_taken", "chatgpt", "D15-audience"),
    (0, "token_repeated", "chatgpt", "G26-secrets"),
    (0, "no_hints", "chatgpt", "F21-hints"),
    (0, "relative_url", "chatgpt", "F22-url"),
    (0, "other_id", "chatgpt", "F22-round-trip"),
    *((0, f"accounts_{fault}", "chatgpt", "H28-headers") for fault in ("no_csp", "framed", "script", "sniffed")),
    *((0, f"accounts_{fault}", "chatgpt", "H28-headers") for fault in ("cached", "referrer", "no_hsts", "short_hsts")),
    *((0, f"accounts_api_{fault}", "chatgpt", "H29-connections") for fault in ("open", "bare", "error")),
    *((0, f"accounts_proxy_{fault}", "chatgpt", "H29-proxy") for fault in ("open", "bare", "error")),
    (0, "accounts_list_cached", "chatgpt", "H29-list"),
    (0, "accounts_open_proxy", "chatgpt", "H30-allow-list"),
    (0, "accounts_any_return", "chatgpt", "H30-return"),
]
NO_SERVER_FAULT = {18}


def outcomes(report: Verification) -> dict[str, Finding]:
    return {finding.check.id: finding for finding in report.findings}


@pytest.mark.parametrize(("row", "fault", "client", "check"), BROKEN, ids=[f"{one[1]}-{one[3]}" for one in BROKEN])
async def test_the_fault_is_found_and_named(run: Run, row: int, fault: str, client: str, check: str) -> None:
    needs = ("F22-round-trip",) if check.startswith("T3") else ()
    found = outcomes(await run(fault, client=client, checks=(*needs, check)))[check]
    assert found.outcome.status is Status.FAIL, found.outcome
    assert found.evidence, "a failure shows what was exchanged"
    assert found.check.fix
    assert found.check.source


def test_every_row_of_the_failures_table_has_a_broken_server() -> None:
    assert {row for row, *_ in BROKEN} - {0} == set(range(1, 24)) - NO_SERVER_FAULT


async def test_a_root_document_of_another_server_concerns_nobody_else(run: Run) -> None:
    found = outcomes(await run("root_shared", checks=("A3-root",)))["A3-root"]
    assert (found.outcome.status, "another server" in found.outcome.found) == (Status.NOT_APPLICABLE, True)


@pytest.mark.parametrize("client", PROFILES)
async def test_a_healthy_server_has_no_finding(run: Run, client: str) -> None:
    report = await run("document_taken", client=client)
    failures = {
        name: finding.outcome.found
        for name, finding in outcomes(report).items()
        if finding.outcome.status is Status.FAIL
    }
    assert failures == {}
    assert report.exit_code == 0
    # A healthy server with few passed checks would be a verifier that does not look.
    assert report.count(Status.PASS) > 80
    assert report.left_behind == ()


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("document_taken", Status.NOT_APPLICABLE),
        ("accounts", Status.PASS),
    ],
)
async def test_checks_of_connected_accounts_concern_servers_that_have_them(run: Run, fault: str, seen: Status) -> None:
    report = await run(fault)
    found = {name: one.outcome for name, one in outcomes(report).items() if name.startswith("H")}
    assert len(found) == 6
    assert {name: one.status for name, one in found.items()} == dict.fromkeys(found, seen), found


async def test_a_server_without_a_provider_has_no_proxy_to_look_at(run: Run) -> None:
    report = await run("accounts", "accounts_empty")
    found = {name: one.outcome.status for name, one in outcomes(report).items() if name.startswith("H30")}
    assert found == dict.fromkeys(("H30-allow-list", "H30-return"), Status.NOT_APPLICABLE)

"""Findings about a server with connected accounts: its pages, its sign-in, its providers' redirect URIs, its key."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from doctor_edge import Edge

from gatelodge.ops.doctor.examine import CHECKS
from gatelodge.ops.doctor.facts import Facts, RealmView
from gatelodge.ops.doctor.finding import Finding, Severity
from gatelodge.ops.stack.layout import Layout

Make = Callable[..., Facts]
BY_NAME = {check.name: check for check in CHECKS}
URL = "https://mcp.example.com/workspace/mcp"
BACK = "https://mcp.example.com/workspace/accounts/callback"
POLICY = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
NAMES = ["account-pages", "account-sign-in", "provider-redirects"]


@pytest.fixture(autouse=True)
def server(edge: Edge) -> None:
    """A server with accounts at the edge."""
    edge.documents |= {"/workspace/api/connections": (401, {}), "/workspace/accounts": (200, {})}
    edge.headers |= {
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "strict-transport-security": "max-age=31536000",
    }


async def found(name: str, facts: Facts) -> Finding:
    return await BY_NAME[name].examine(facts)


@pytest.mark.parametrize("name", NAMES)
async def test_a_server_without_accounts_has_none_of_these_findings(name: str, facts: Make, edge: Edge) -> None:
    del edge.documents["/workspace/api/connections"]
    finding = await found(name, facts(mcp_url=URL))
    assert finding.severity is Severity.NOT_CHECKED
    assert "no pages of connected accounts" in finding.cause


async def test_whole_pages_are_healthy(facts: Make) -> None:
    assert (await found("account-pages", facts(mcp_url=URL))).severity is Severity.OK


@pytest.mark.parametrize(
    ("header", "value", "said"),
    [
        ("content-security-policy", "", "default-src is (absent)"),
        ("content-security-policy", f"{POLICY}; script-src 'unsafe-inline'", "scripts are allowed"),
        ("content-security-policy", POLICY.replace("ancestors 'none'", "ancestors *"), "frame-ancestors is *"),
        ("x-content-type-options", "", "nosniff"),
        ("cache-control", "public", "no-store"),
        ("referrer-policy", "unsafe-url", "Referrer-Policy"),
        ("strict-transport-security", "max-age=1", "Strict-Transport-Security"),
    ],
)
async def test_a_header_that_is_missing_is_found(header: str, value: str, said: str, facts: Make, edge: Edge) -> None:
    edge.headers[header] = value
    finding = await found("account-pages", facts(mcp_url=URL))
    assert finding.severity is Severity.PROBLEM
    assert said in finding.cause
    assert "/workspace/accounts" in finding.command


async def test_pages_that_do_not_answer_are_found(facts: Make, edge: Edge) -> None:
    edge.documents["/workspace/accounts"] = (503, {})
    assert "answers 503" in (await found("account-pages", facts(mcp_url=URL))).cause


@pytest.mark.parametrize(
    ("redirects", "severity", "said"),
    [
        ({BACK, "https://mcp.example.com/other/accounts/callback"}, Severity.OK, BACK),
        (None, Severity.PROBLEM, "no client gatelodge-web"),
        (set(), Severity.PROBLEM, "does not know"),
        ({BACK + "/"}, Severity.PROBLEM, "does not know"),
        ({BACK, "https://mcp.example.com/*"}, Severity.PROBLEM, "may send codes to https://mcp.example.com/*"),
    ],
)
async def test_the_realms_client_has_to_know_exactly_this_server(
    redirects: set[str] | None, severity: Severity, said: str, facts: Make, healthy_realm: RealmView
) -> None:
    realm = replace(healthy_realm, web_redirects=None if redirects is None else frozenset(redirects))
    finding = await found("account-sign-in", facts(mcp_url=URL, _realm=realm))
    assert finding.severity is severity
    assert said in finding.cause


async def test_a_realm_that_cannot_be_read_is_said(facts: Make) -> None:
    assert (await found("account-sign-in", facts(mcp_url=URL, _realm=None))).severity is Severity.NOT_CHECKED


async def test_the_redirect_uri_of_each_provider_is_told(facts: Make) -> None:
    given = {
        "GATELODGE_JIRA_CLIENT_ID": "j",
        "GATELODGE_JIRA_CLIENT_SECRET": "canary",
        "GATELODGE_NOTION_CLIENT_ID": "n",
        "GATELODGE_NOTION_CLIENT_SECRET_FILE": "/run/secrets/notion",
    }
    finding = await found("provider-redirects", facts(mcp_url=URL, environment=given))
    base = "https://mcp.example.com/workspace/api/auth"
    assert finding.severity is Severity.OK
    assert finding.cause == f"register at Jira: {base}/jira/callback; register at Notion: {base}/notion/callback"
    bare = await found("provider-redirects", facts(mcp_url=URL, environment={"GATELODGE_SLACK_CLIENT_ID": "s"}))
    assert (bare.severity, "slack" in bare.cause) == (Severity.PROBLEM, True)
    none = await found("provider-redirects", facts(mcp_url=URL))
    assert (none.severity, f"{base}/PROVIDER/callback" in none.cause) == (Severity.NOT_CHECKED, True)


async def test_a_key_that_others_can_use_or_that_lies_by_its_database_is_found(
    facts: Make, layout: Layout, tmp_path: Path
) -> None:
    assert (await found("vault-key", facts())).severity is Severity.NOT_CHECKED
    own = layout.state / "workspace" / "vault.key"
    own.parent.mkdir(parents=True)
    own.write_text("k")
    own.chmod(0o644)
    assert (await found("vault-key", facts(layout=layout))).command == f"chmod 600 {own}"
    own.chmod(0o600)
    assert "not beside" in (await found("vault-key", facts(layout=layout))).cause
    (own.parent / "gatelodge.db").touch()
    kept = await found("vault-key", facts(layout=layout))
    assert (kept.severity, "backup" in kept.cause) == (Severity.OK, True)
    given = {"GATELODGE_MODE": "production", "GATELODGE_VAULT_KEY_FILE": str(own)}
    assert (await found("vault-key", facts(environment=given))).severity is Severity.WARNING
    gone = {"MCP_AUTH_ENCRYPTION_KEY_FILE": str(tmp_path / "none")}
    assert (await found("vault-key", facts(environment=gone))).severity is Severity.PROBLEM


@pytest.mark.parametrize("path", ["/workspace/metrics", "/workspace/internal/tokens/github", "/internal/tokens/github"])
async def test_what_is_open_below_the_servers_own_path_is_named(path: str, facts: Make, edge: Edge) -> None:
    assert (await found("open-routes", facts(mcp_url=URL))).severity is Severity.OK
    edge.documents[path] = (401, {})
    finding = await found("open-routes", facts(mcp_url=URL))
    assert (finding.severity, f"{path} (401)" in finding.cause) == (Severity.PROBLEM, True)

"""``gatelodge verify`` on the native stack, as a person runs it: nothing fails, nothing stays behind, no secret shows."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from native_stack import Stack, gatelodge

from gatelodge.core.clock import SystemClock
from gatelodge.ops.stack.authority import ensure_certificates

pytestmark = pytest.mark.stack


def clients(stack: Stack) -> set[str]:
    """The ids of all clients of the realm."""
    return {client["clientId"] for client in stack.admin.keycloak.get_clients()}


@pytest.mark.parametrize("client", ["chatgpt", "claude"])
def test_nothing_fails_on_the_native_stack(stack: Stack, client: str, tmp_path: Path) -> None:
    before = clients(stack)
    page, junit = tmp_path / "report.html", tmp_path / "report.xml"
    done = gatelodge(
        "verify", stack.mcp_url, "--as", client, "--json", "--html", str(page), "--junit", str(junit), state=stack.state
    )
    report = json.loads(done.stdout)
    failed = {check["id"]: check["found"] for check in report["checks"] if check["outcome"] == "fail"}
    assert failed == {}
    assert done.returncode == 0, done.stderr
    assert report["counts"]["pass"] >= 80
    assert len(page.read_text()) < 300_000
    assert report["seconds"] < 60
    assert report["removed_clients"] > 0
    assert clients(stack) == before
    assert int(ET.parse(junit).getroot().attrib["tests"]) == len(report["checks"])  # noqa: S314 - our own file
    for text in (done.stdout, page.read_text(), junit.read_text()):
        assert "eyJ" not in text
        assert not any(password in text for _, password in stack.users)


def test_a_certificate_of_another_authority_is_one_finding(stack: Stack, tmp_path: Path) -> None:
    ensure_certificates(tmp_path, SystemClock())
    done = gatelodge("verify", stack.mcp_url, "--ca-file", str(tmp_path / "ca.pem"), state=stack.state)
    assert done.returncode == 1
    assert done.stdout.count("\nFAIL ") == 1
    assert "FAIL  A1-tls" in done.stdout
    assert "--ca-file" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["localhost/mcp"], "is no http(s) URL"),
        (["https://localhost:99999/mcp"], "is no http(s) URL"),
        (["https://localhost:1/mcp"], "nothing answers at localhost, port 1"),
        (["https://localhost:1/mcp", "--browser", "--user", "a", "--password-file", "b"], "two ways to sign in"),
        (["https://localhost:1/mcp", "--check", "A9-none"], "no such check: A9-none"),
        (["https://localhost:1/mcp", "--client-secret-file", "b"], "needs --client-id"),
        (["https://localhost:1/mcp", "--ca-file", "README.md"], "holds no certificate authority"),
        (["https://localhost:1/mcp", "--user", "ada"], "belong together"),
        (["https://localhost:1/mcp", "--ca-file", "no-such-file"], "is no file"),
    ],
)
def test_what_cannot_run_ends_with_2_and_the_next_step(stack: Stack, arguments: list[str], says: str) -> None:
    done = gatelodge("verify", *arguments, state=stack.state)
    assert done.returncode == 2
    assert says in done.stderr
    assert "next step:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_state_folder_without_a_stack_is_said(tmp_path: Path) -> None:
    done = gatelodge("verify", "https://localhost:1/mcp", state=tmp_path)
    assert done.returncode == 2
    assert "no stack runs in" in done.stderr

"""A run against a URL, as if the stack were somebody else's: what it can measure, and what it says it did not."""

from pathlib import Path

import pytest
from native_stack import READ, Stack, gatelodge

from gatelodge.ops.slo.folder import read_evidence
from gatelodge.ops.slo.summary import summarise

pytestmark = pytest.mark.stack


def test_a_url_is_measured_by_reads_alone_and_its_clients_are_removed(stack: Stack, tmp_path: Path) -> None:
    username, password = stack.users[1]
    (tmp_path / "password").write_text(password)
    before = sorted(client["clientId"] for client in stack.admin.keycloak.get_clients())
    who = ("--user", username, "--password-file", str(tmp_path / "password"), "--issuer", stack.issuer)
    load = ("--scope", READ, "--seconds", "10", "--clients", "1", "--links", "2", "--ca-file", str(stack.ca_file))
    folder = tmp_path / "run"
    ran = gatelodge("slo", "run", stack.mcp_url, *who, *load, "--output", str(folder), state=stack.state)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    evidence = read_evidence(folder)
    assert {sample.kind for sample in evidence.samples} == {"search", "fetch", "list", "refresh"}
    assert all(sample.good for sample in evidence.samples)
    assert evidence.record.events == []
    assert evidence.record.clients_left == []
    assert str(tmp_path) not in evidence.record.command
    missing = summarise(evidence)["not_measured"]
    assert {"overheads", "key rotation", "server restart", "a call with an expired token"} <= missing.keys()
    assert sorted(client["clientId"] for client in stack.admin.keycloak.get_clients()) == before

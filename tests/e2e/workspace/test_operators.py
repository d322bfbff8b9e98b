"""The operator's commands at a server with connected accounts: nothing to mend, and every check of theirs was made."""

import json
import re
from pathlib import Path

import pytest
from native_stack import gatelodge
from workspace_stack import Workspace

from gatelodge.ops.verify.catalogue import CHECKS

pytestmark = pytest.mark.stack


def test_the_doctor_looks_at_pages_sign_in_key_and_providers(workspace: Workspace) -> None:
    ran = gatelodge(
        "doctor", workspace.url(), "--json", state=workspace.stack.state, timeout=120, **workspace.environment
    )
    seen = {finding["check"]: finding for finding in json.loads(ran.stdout)["findings"]}
    assert ran.returncode == 0, ran.stdout
    names = ("account-pages", "account-sign-in", "provider-redirects", "vault-key", "open-routes")
    assert {name: seen[name]["severity"] for name in names} == dict.fromkeys(names, "ok"), seen
    back = f"{workspace.stack.public_base}/workspace/api/auth"
    for provider in ("github", "jira", "slack", "notion"):
        assert f"{back}/{provider}/callback" in seen["provider-redirects"]["cause"]


def test_verify_finds_the_api_the_proxy_and_the_pages_as_they_must_be(workspace: Workspace) -> None:
    ours = [check.id for check in CHECKS if check.section == "H"]
    assert len(ours) == 6
    picked = [word for name in ours for word in ("--check", name)]
    ran = gatelodge("verify", workspace.url(), "--json", *picked, state=workspace.stack.state)
    found = {check["id"]: (check["outcome"], check["found"]) for check in json.loads(ran.stdout)["checks"]}
    assert {name: outcome for name, (outcome, _) in found.items()} == dict.fromkeys(ours, "pass"), found


def test_a_server_with_a_vault_may_not_dump_its_memory(workspace: Workspace) -> None:
    limits = Path(f"/proc/{workspace.stack.pid('server-workspace')}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits), limits

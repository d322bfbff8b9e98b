"""The verifier with a predefined client, with its own documents, and with a person at a browser, on the native stack."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from native_stack import Stack, gatelodge

pytestmark = pytest.mark.stack
NAME = "verify-test"


@pytest.fixture
def removing(stack: Stack) -> Iterator[list[str]]:
    """Ids of clients that are removed at the end."""
    made: list[str] = []
    yield made
    for client_id in made:
        stack.admin.delete_client(client_id)


def verified(stack: Stack, only: str, *arguments: str, **environment: str) -> dict[str, dict[str, Any]]:
    """The checks by id, none of which failed; ``only`` these, unless it is empty."""
    chosen = [part for name in only.split() for part in ("--check", name)]
    done = gatelodge(
        "verify", stack.mcp_url, "--json", *chosen, *arguments, state=stack.state, timeout=300, **environment
    )
    report = json.loads(done.stdout)
    checks = {check["id"]: check for check in report["checks"]}
    assert {name: one["found"] for name, one in checks.items() if one["outcome"] == "fail"} == {}
    assert done.returncode == 0, done.stderr
    assert report["left_behind"] == []
    return checks


@pytest.mark.parametrize("secret", [False, True], ids=["public", "with a secret"])
def test_a_predefined_client_links(stack: Stack, removing: list[str], tmp_path: Path, secret: bool) -> None:
    name = f"{NAME} {'secret' if secret else 'public'}"
    added = gatelodge("clients", "add", "chatgpt", "--name", name, *(["--secret"] * secret), state=stack.state)
    assert added.returncode == 0, added.stderr
    before = stack.admin.keycloak.get_clients()
    client_id = next(one["clientId"] for one in before if name in one.get("name", ""))
    removing.append(client_id)
    given = ["--client-id", client_id]
    if secret:
        kept = tmp_path / "secret"
        internal = next(one["id"] for one in before if one["clientId"] == client_id)
        kept.write_text(stack.admin.keycloak.get_client_secrets(internal)["value"])
        given += ["--client-secret-file", str(kept)]
    checks = verified(stack, "B6-register B8-predefined C12-aud D15-valid C14-refresh", *given)
    assert checks["B8-predefined"]["outcome"] == "pass"
    assert ("client_secret" in checks["B8-predefined"]["found"]) is secret
    assert checks["B6-register"]["outcome"] == "not_applicable"
    assert client_id in {one["clientId"] for one in stack.admin.keycloak.get_clients()}, "it is not the verifier's"


def test_both_kinds_of_own_documents_link_and_leave_no_client(stack: Stack) -> None:
    for _ in range(2):  # the second run finds a desk that remembers the first
        checks = verified(stack, "B7-document B7-private-key-jwt")
        assert checks["B7-document"]["outcome"] == "pass"
        assert checks["B7-private-key-jwt"]["outcome"] == "pass"
        assert "invalid_client" in checks["B7-private-key-jwt"]["found"]
    left = [one["clientId"] for one in stack.admin.keycloak.get_clients() if "verify.localhost" in one["clientId"]]
    assert left == []


def test_a_person_signs_in_by_a_browser_and_the_answer_comes_to_loopback(stack: Stack) -> None:
    name, password = stack.users[0]
    checks = verified(
        stack,
        "",
        "--browser",
        BROWSER=f"{sys.executable} {Path(__file__).parent / 'person.py'} %s",
        PERSON_NAME=name,
        PERSON_PASSWORD=password,
        PERSON_CA=str(stack.ca_file),
    )
    assert checks["C9-code"]["outcome"] == "pass"
    assert checks["D15-valid"]["outcome"] == "pass"
    assert checks["E17-tools"]["outcome"] == "pass"
    assert re.match(r"a client for http://127\.0\.0\.1:\d+/callback", checks["B6-register"]["found"])
    # One sign-in is what a person is asked for.
    assert checks["C9-iss-denied"]["outcome"] == "not_evaluated"
    passed = [one for one in checks.values() if one["outcome"] == "pass"]
    assert len(passed) > 55

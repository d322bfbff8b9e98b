"""``gatelodge doctor`` beside a running stack: nothing to mend when it is sound, and a bundle without its passwords."""

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from native_stack import Stack, gatelodge

from gatelodge.core.clock import SystemClock
from gatelodge.ops.doctor.examine import CHECKS
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Severity
from gatelodge.ops.stack.internal import read_internal
from gatelodge.ops.stack.layout import Layout, find_checkout
from gatelodge.outbound.client import Outbound

pytestmark = pytest.mark.stack


def test_a_sound_stack_has_nothing_to_mend_and_every_live_check_was_made(stack: Stack) -> None:
    ran = gatelodge("doctor", "--json", state=stack.state)
    report = json.loads(ran.stdout)
    seen = {finding["check"]: finding for finding in report["findings"]}
    assert (ran.returncode, report["healthy"], report["mcp_url"]) == (0, True, stack.mcp_url), ran.stdout
    # The stack's own server has no connected accounts; tests/e2e/workspace has one that does.
    accounts = {"account-pages", "account-sign-in", "provider-redirects"}
    assert {seen[name]["severity"] for name in accounts} == {"not checked"}
    live = {check.name for check in CHECKS if check.live} - accounts | {"running", "permissions", "versions"}
    assert {name: seen[name]["severity"] for name in live} == dict.fromkeys(live, "ok"), ran.stdout


def test_the_bundle_has_the_logs_and_none_of_the_passwords(stack: Stack, tmp_path: Path) -> None:
    target = tmp_path / "bundle.tar.gz"
    ran = gatelodge("doctor", "--bundle", str(target), state=stack.state)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    secrets = [file.read_text().strip() for file in (stack.state / "secrets").iterdir() if file.is_file()]
    assert len(secrets) >= 3
    with tarfile.open(target) as archive:
        names = archive.getnames()
        files = [archive.extractfile(name) for name in names]
        content = b"".join(file.read() for file in files if file)
    assert "gatelodge-doctor/logs/keycloak.log" in names
    assert not any(secret.encode() in content for secret in secrets)


async def test_faults_of_a_real_realm_are_found_in_what_the_admin_api_gives(stack: Stack) -> None:
    layout = Layout(checkout=find_checkout(Path(__file__)), state=stack.state)
    outbound = Outbound(ca_file=stack.ca_file)
    inside = read_internal(layout)
    assert inside is not None
    facts = Facts(stack.mcp_url, outbound, SystemClock(), {}, layout, administrator=inside.administrator)
    try:
        realm = await facts.realm()
        assert realm is not None
        bare = {name: {**scope, "protocolMappers": []} for name, scope in realm.scopes.items()}
        faulty = {
            "audience": replace(realm, scopes=bare),
            "basic-scope": replace(realm, scopes=bare),
            "offline-role": replace(realm, offline_roles=frozenset()),
            "registration": replace(realm, policies=()),
        }
        for check in CHECKS:
            if check.name in faulty:
                sound = await check.examine(facts)
                assert sound.severity is Severity.OK, sound
                broken = await check.examine(replace(facts, _realm=faulty[check.name]))
                assert broken.severity is Severity.PROBLEM, check.name
    finally:
        await outbound.aclose()

"""Traps of the realm: each is found in a realm that differs from a healthy one in just that."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from doctor_edge import MCP, audience, policy, scope

from gatelodge.ops.doctor.examine import CHECKS
from gatelodge.ops.doctor.facts import Facts, RealmView
from gatelodge.ops.doctor.finding import Severity

Make = Callable[..., Facts]
BY_NAME = {check.name: check for check in CHECKS}
REALM_CHECKS = ["registration", "audience", "basic-scope", "offline-role"]


@pytest.mark.parametrize("name", REALM_CHECKS)
async def test_a_healthy_realm_has_no_finding(name: str, facts: Make) -> None:
    assert (await BY_NAME[name].examine(facts())).severity is Severity.OK


@pytest.mark.parametrize("name", REALM_CHECKS)
async def test_without_an_administrator_the_realm_is_not_judged(name: str, facts: Make) -> None:
    finding = await BY_NAME[name].examine(facts(_realm=None))
    assert finding.severity is Severity.NOT_CHECKED
    assert "--keycloak-url" in finding.fix


def _without_audience(realm: RealmView) -> RealmView:
    return replace(realm, scopes={**realm.scopes, "deep-research:write": scope("deep-research:write")})


def _other_audience(realm: RealmView) -> RealmView:
    other = audience(MCP + "/")
    return replace(realm, scopes={name: scope(name, other) if ":" in name else s for name, s in realm.scopes.items()})


FAULTS: list[tuple[str, Callable[[RealmView], RealmView], str]] = [
    ("audience", _without_audience, "deep-research:write"),
    ("audience", _other_audience, "byte by byte"),
    ("basic-scope", lambda r: replace(r, default_scopes=frozenset()), "lack `basic`"),
    ("basic-scope", lambda r: replace(r, scopes={**r.scopes, "basic": scope("basic")}), "no `sub` mapper"),
    ("offline-role", lambda r: replace(r, offline_roles=frozenset()), "brings no role"),
    ("offline-role", lambda r: replace(r, optional_scopes=frozenset()), "cannot ask"),
    ("registration", lambda r: replace(r, policies=()), "no redirect host"),
    ("registration", lambda r: replace(r, clients=10), "are refused"),
]


@pytest.mark.parametrize(("name", "fault", "said"), FAULTS)
async def test_a_fault_of_the_realm_is_found(
    name: str, fault: Callable[[RealmView], RealmView], said: str, facts: Make, healthy_realm: RealmView
) -> None:
    finding = await BY_NAME[name].examine(facts(_realm=fault(healthy_realm)))
    assert finding.severity is Severity.PROBLEM
    assert said in f"{finding.cause} {finding.fix}"
    assert finding.command


async def test_a_realm_that_is_nearly_full_is_a_warning(facts: Make, healthy_realm: RealmView) -> None:
    finding = await BY_NAME["registration"].examine(facts(_realm=replace(healthy_realm, clients=8)))
    assert finding.severity is Severity.WARNING
    assert "8 of at most 10" in finding.cause


async def test_policies_for_clients_with_a_token_do_not_count(facts: Make, healthy_realm: RealmView) -> None:
    hosts: dict[str, Any] = {**policy("trusted-hosts", trusted_hosts=["chatgpt.com"]), "subType": "authenticated"}
    finding = await BY_NAME["registration"].examine(facts(_realm=replace(healthy_realm, policies=(hosts,))))
    assert finding.severity is Severity.PROBLEM

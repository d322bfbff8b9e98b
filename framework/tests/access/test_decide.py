"""The three answers, and the rule that gave each."""

from dataclasses import replace

import pytest

from gatelodge.access.decide import Answer, Decision, decide
from gatelodge.access.requirement import Requirement
from gatelodge.core.identity import Principal

SUBJECT = "0b5c5f2e-6f0f-4a57-9d0f-2c1a5d8e7b11"
ALICE = Principal(
    issuer="https://as.example/realms/mcp",
    subject=SUBJECT,
    scopes=frozenset({"notes:read"}),
    roles=frozenset({"editor"}),
    username="alice",
)
SCOPED = Requirement(scopes=frozenset({"notes:write", "notes:read"}))


def test_an_undeclared_operation_is_denied_to_everyone() -> None:
    assert decide(None, None) == Decision(Answer.DENY, "undeclared", (), authenticated=False)
    assert decide(None, ALICE) == Decision(Answer.DENY, "undeclared", (), authenticated=True)


def test_a_public_operation_is_allowed_to_everyone() -> None:
    assert decide(Requirement(public=True), None) == Decision(Answer.ALLOW, "public", (), authenticated=False)
    assert decide(Requirement(public=True), ALICE) == Decision(Answer.ALLOW, "public", (), authenticated=True)


def test_a_stranger_is_asked_to_sign_in_with_every_scope_of_the_operation() -> None:
    expected = Decision(Answer.STEP_UP, "anonymous", ("notes:read", "notes:write"), authenticated=False)
    assert decide(SCOPED, None) == expected


def test_a_stranger_is_asked_to_sign_in_where_any_user_may() -> None:
    assert decide(Requirement(), None) == Decision(Answer.STEP_UP, "anonymous", (), authenticated=False)


@pytest.mark.parametrize(
    "requirement",
    [
        Requirement(roles=frozenset({"editor"})),
        Requirement(users=frozenset({"alice"})),
        Requirement(scopes=frozenset({"notes:read"}), roles=frozenset({"editor"})),
    ],
    ids=["role", "user", "role and scope"],
)
def test_an_operation_for_chosen_people_does_not_exist_for_a_stranger(requirement: Requirement) -> None:
    decision = decide(requirement, None)
    assert (decision.answer, decision.rule) == (Answer.DENY, "anonymous")


def test_any_signed_in_user_is_allowed_where_nothing_more_is_demanded() -> None:
    assert decide(Requirement(), ALICE) == Decision(Answer.ALLOW, "granted", (), authenticated=True)


@pytest.mark.requirement("RFC9700-2.3-scope-checked", "MCP26-AUTH-12")
def test_a_missing_scope_gives_step_up_with_granted_scopes_named_too() -> None:
    assert decide(SCOPED, ALICE) == Decision(Answer.STEP_UP, "scopes", ("notes:read", "notes:write"), True)


def test_granted_scopes_allow() -> None:
    assert decide(Requirement(scopes=frozenset({"notes:read"})), ALICE).answer is Answer.ALLOW


@pytest.mark.requirement("MCP26-AUTH-13")
def test_a_write_grant_is_enough_to_read() -> None:
    writer = Principal(issuer=ALICE.issuer, subject=SUBJECT, scopes=frozenset({"notes:write"}))
    assert decide(Requirement(scopes=frozenset({"notes:read"})), writer).answer is Answer.ALLOW


def test_a_client_that_acts_for_itself_gets_only_what_is_public() -> None:
    service = Principal("https://as.example", SUBJECT, scopes=frozenset({"notes:read"}), service=True)
    for requirement in (
        Requirement(),
        Requirement(scopes=frozenset({"notes:read"})),
        Requirement(any_of=("notes:read",)),
    ):
        assert decide(requirement, replace(service, service=False)).answer is Answer.ALLOW
        decision = decide(requirement, service)
        assert (decision.answer, decision.rule) == (Answer.DENY, "service")
    assert decide(Requirement(public=True), service).answer is Answer.ALLOW


def test_one_of_the_roles_is_enough() -> None:
    assert decide(Requirement(roles=frozenset({"owner", "editor"})), ALICE).answer is Answer.ALLOW


def test_without_any_of_the_roles_it_is_denied_even_when_scopes_are_missing_too() -> None:
    requirement = Requirement(scopes=frozenset({"notes:write"}), roles=frozenset({"owner"}))
    decision = decide(requirement, ALICE)
    assert (decision.answer, decision.rule) == (Answer.DENY, "roles")


def test_one_of_the_users_is_enough_by_user_name_or_by_subject() -> None:
    assert decide(Requirement(users=frozenset({"bob", "alice"})), ALICE).answer is Answer.ALLOW
    assert decide(Requirement(users=frozenset({SUBJECT})), ALICE).answer is Answer.ALLOW


@pytest.mark.parametrize("users", [{"bob"}, {"ALICE"}, {"alic"}, {"editor"}])
def test_a_user_who_is_not_listed_is_denied(users: set[str]) -> None:
    decision = decide(Requirement(users=frozenset(users)), ALICE)
    assert (decision.answer, decision.rule) == (Answer.DENY, "users")


def test_a_user_without_a_name_is_matched_by_subject_only() -> None:
    nameless = Principal(issuer=ALICE.issuer, subject=SUBJECT)
    assert decide(Requirement(users=frozenset({SUBJECT})), nameless).answer is Answer.ALLOW
    assert decide(Requirement(users=frozenset({"alice"})), nameless).answer is Answer.DENY


@pytest.mark.parametrize("victim", [SUBJECT, SUBJECT.upper(), f"f:{SUBJECT}:alice"])
def test_a_user_name_chosen_to_look_like_another_subject_does_not_pass(victim: str) -> None:
    impostor = Principal(issuer=ALICE.issuer, subject="1b5c5f2e-6f0f-4a57-9d0f-2c1a5d8e7b12", username=victim)
    assert decide(Requirement(users=frozenset({victim})), impostor).answer is Answer.DENY


OCTOCAT = replace(ALICE, github_login="OctoCat")


@pytest.mark.parametrize("entry", ["github:octocat", "github:OctoCat", "user:alice", "alice", SUBJECT])
def test_an_entry_is_matched_by_the_name_that_it_says_it_is(entry: str) -> None:
    assert decide(Requirement(users=frozenset({entry})), OCTOCAT).answer is Answer.ALLOW


@pytest.mark.parametrize(
    ("entry", "principal"),
    [
        # A GitHub login is no user name, and the other way round.
        ("github:alice", OCTOCAT),
        ("github:alice", ALICE),
        ("user:OctoCat", OCTOCAT),
        ("user:octocat", OCTOCAT),
        ("octocat", OCTOCAT),
        ("OctoCat", OCTOCAT),
        ("user:ALICE", ALICE),
        (f"user:{SUBJECT}", ALICE),
        (f"github:{SUBJECT}", ALICE),
        # Names that look like entries of a kind.
        ("github:octocat", replace(ALICE, username="github:octocat")),
        ("user:bob", replace(ALICE, username="user:bob")),
        ("github:octocat", replace(ALICE, subject="github:octocat")),
        ("user:bob", replace(ALICE, subject="user:bob")),
        ("github:octocat", replace(ALICE, github_login="github:octocat")),
        ("user:bob", replace(ALICE, github_login="user:bob")),
    ],
)
def test_one_kind_of_name_never_passes_for_another(entry: str, principal: Principal) -> None:
    decision = decide(Requirement(users=frozenset({entry})), principal)
    assert (decision.answer, decision.rule) == (Answer.DENY, "users")


@pytest.mark.parametrize("entry", ["alice", "user:alice", "github:octocat"])
def test_names_of_another_issuer_are_nobody_s_here_and_its_subjects_still_count(entry: str) -> None:
    other = replace(OCTOCAT, issuer="https://other.example", foreign=True)
    assert decide(Requirement(users=frozenset({entry})), other).answer is Answer.DENY
    assert decide(Requirement(users=frozenset({entry, SUBJECT})), other).answer is Answer.ALLOW


def test_roles_and_users_must_both_hold() -> None:
    both = Requirement(roles=frozenset({"editor"}), users=frozenset({"bob"}))
    assert decide(both, ALICE).rule == "users"


def test_an_allowed_user_still_needs_the_scopes() -> None:
    decision = decide(Requirement(scopes=frozenset({"notes:write"}), users=frozenset({"alice"})), ALICE)
    assert (decision.answer, decision.scopes) == (Answer.STEP_UP, ("notes:write",))

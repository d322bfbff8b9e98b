"""Alternatives of scopes, and scopes a public function makes use of."""

import pytest

from gatelodge.access.decide import Answer, Decision, decide
from gatelodge.access.requirement import Requirement, RequirementInvalid, public, requirement_of, requires
from gatelodge.core.identity import Principal

EITHER = Requirement(scopes=frozenset({"notes:read"}), any_of=("mail:write", "post:write"))


def caller(*scopes: str) -> Principal:
    return Principal(issuer="https://as.example/realms/mcp", subject="u1", scopes=frozenset(scopes))


@pytest.mark.parametrize("alternative", ["mail:write", "post:write"])
def test_one_of_the_alternatives_is_enough(alternative: str) -> None:
    decision = decide(EITHER, caller("notes:read", alternative))
    assert decision == Decision(Answer.ALLOW, "granted", tuple(sorted(["notes:read", alternative])), True)


def test_without_any_alternative_the_challenge_names_all_scopes_and_the_first_alternative() -> None:
    expected = ("mail:write", "notes:read")
    assert decide(EITHER, caller("notes:read")) == Decision(Answer.STEP_UP, "any_of", expected, True)
    assert decide(EITHER, None) == Decision(Answer.STEP_UP, "anonymous", expected, False)


def test_an_alternative_that_the_caller_has_is_not_exchanged_for_another() -> None:
    expected = ("notes:read", "post:write")
    assert decide(EITHER, caller("post:write")) == Decision(Answer.STEP_UP, "scopes", expected, True)


def test_an_alternative_is_met_by_a_scope_that_implies_it() -> None:
    decision = decide(Requirement(any_of=("a:read", "b:read")), caller("b:write"))
    assert decision == Decision(Answer.ALLOW, "granted", ("b:read",), True)


def test_roles_and_users_hide_before_alternatives_ask() -> None:
    hidden = Requirement(any_of=("a:read",), roles=frozenset({"admin"}))
    assert decide(hidden, caller()).answer is Answer.DENY
    assert decide(hidden, None).answer is Answer.DENY


def test_alternatives_keep_their_order_and_lose_their_doubles() -> None:
    @requires("s:read", any_of=["b:read", "a:read", "b:read"])
    def tool() -> None: ...

    rule = requirement_of(tool)
    assert rule == Requirement(scopes=frozenset({"s:read"}), any_of=("b:read", "a:read"))
    assert rule is not None
    assert rule.all_scopes == {"s:read", "a:read", "b:read"}


def test_a_public_function_may_name_scopes_it_makes_use_of() -> None:
    @public(scopes=["notes:read"])
    def tool() -> None: ...

    rule = requirement_of(tool)
    assert rule == Requirement(public=True, optional=frozenset({"notes:read"}))
    assert decide(rule, None) == Decision(Answer.ALLOW, "public", (), False)
    assert decide(rule, caller()) == Decision(Answer.ALLOW, "public", (), True)


def test_one_string_is_no_list_of_alternatives() -> None:
    with pytest.raises(RequirementInvalid, match="one string"):
        requires(any_of="a:read")
    with pytest.raises(RequirementInvalid, match="one string"):
        public(scopes="a:read")


@pytest.mark.parametrize("name", ["", "two words", 'quo"te', "offline_access"])
def test_a_name_that_no_token_can_carry_is_refused_everywhere(name: str) -> None:
    with pytest.raises(RequirementInvalid):
        requires(any_of=[name])
    with pytest.raises(RequirementInvalid):
        public(scopes=[name])


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(RequirementInvalid, match="cannot demand"):
        Requirement(public=True, any_of=("a:read",))
    with pytest.raises(RequirementInvalid, match="optional"):
        Requirement(optional=frozenset({"a:read"}))

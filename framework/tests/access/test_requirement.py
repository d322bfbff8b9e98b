"""Declaring what a function demands."""

import asyncio
import functools
from collections.abc import Callable

import pytest

from gatelodge.access.requirement import Requirement, RequirementInvalid, public, requirement_of, requires
from gatelodge.core.codes import Code


def plain() -> str:
    return "ran"


def test_a_decorated_function_is_the_same_object_and_still_runs() -> None:
    def tool() -> str:
        return "ran"

    decorated = requires("notes:read")(tool)
    assert decorated is tool
    assert decorated() == "ran"


def test_a_decorated_coroutine_function_stays_one() -> None:
    @requires("notes:read")
    async def tool() -> str:
        return "ran"

    assert asyncio.iscoroutinefunction(tool)


def test_scopes_roles_and_users_are_kept_as_declared() -> None:
    @requires("notes:read", "notes:write", roles=["editor"], users={"alice"})
    def tool() -> None: ...

    assert requirement_of(tool) == Requirement(
        scopes=frozenset({"notes:read", "notes:write"}), roles=frozenset({"editor"}), users=frozenset({"alice"})
    )


def test_requires_without_arguments_demands_only_a_signed_in_user() -> None:
    @requires()
    def tool() -> None: ...

    assert requirement_of(tool) == Requirement()


def test_public_is_a_requirement_that_demands_nothing() -> None:
    @public
    def tool() -> None: ...

    assert requirement_of(tool) == Requirement(public=True)


def test_a_function_without_a_rule_has_no_requirement() -> None:
    assert requirement_of(plain) is None


def test_a_foreign_attribute_of_the_same_name_is_no_requirement() -> None:
    def tool() -> None: ...

    setattr(tool, "__gatelodge_requirement__", "public")  # noqa: B010 - the name is private to the module
    assert requirement_of(tool) is None


def test_a_wrapper_made_with_functools_keeps_the_requirement() -> None:
    @requires("notes:read")
    def tool() -> None: ...

    @functools.wraps(tool)
    def wrapper() -> None: ...

    assert requirement_of(wrapper) == Requirement(scopes=frozenset({"notes:read"}))


def test_a_bound_method_shows_the_requirement_of_its_function() -> None:
    class Tools:
        @requires("notes:read")
        def search(self) -> None: ...

    assert requirement_of(Tools().search) == Requirement(scopes=frozenset({"notes:read"}))


@pytest.mark.parametrize("first", [public, requires(), requires("a:read")], ids=["public", "requires", "scope"])
@pytest.mark.parametrize("second", [public, requires(), requires("b:read")], ids=["public", "requires", "scope"])
def test_two_rules_on_one_function_are_refused(
    first: Callable[[Callable[[], None]], Callable[[], None]],
    second: Callable[[Callable[[], None]], Callable[[], None]],
) -> None:
    def tool() -> None: ...

    with pytest.raises(RequirementInvalid, match="tool has two access rules"):
        second(first(tool))


@pytest.mark.requirement("RFC6750-3-scope-names")
@pytest.mark.parametrize("scope", ["", " ", "a b", 'a"b', "a\\b", "a\nb", "ä", "offline_access"])
def test_a_scope_that_no_client_could_be_asked_for_is_refused_when_declared(scope: str) -> None:
    with pytest.raises(RequirementInvalid, match="scope"):
        requires(scope)


def test_a_scope_that_is_no_string_is_refused() -> None:
    with pytest.raises(RequirementInvalid, match="None is no scope name"):
        requires(None)  # type: ignore[arg-type]  # the mistake under test


def test_forgotten_parentheses_are_named_in_the_error() -> None:
    with pytest.raises(RequirementInvalid, match="no parentheses"):
        requires(plain)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize("argument", ["roles", "users"])
def test_a_lone_string_is_not_taken_for_a_list_of_letters(argument: str) -> None:
    with pytest.raises(RequirementInvalid, match=f"{argument}='admin' is one string") as caught:
        requires(**{argument: "admin"})
    assert f"{argument}=('admin',)" in caught.value.hint


@pytest.mark.parametrize("name", ["", "  ", 7])
def test_an_unusable_role_or_user_name_is_refused(name: object) -> None:
    with pytest.raises(RequirementInvalid, match="no role or user name"):
        requires(roles=[name])  # type: ignore[list-item]  # the mistake under test
    with pytest.raises(RequirementInvalid, match="no role or user name"):
        requires(users=[name])  # type: ignore[list-item]  # the mistake under test


def test_a_public_requirement_cannot_also_demand_something() -> None:
    with pytest.raises(RequirementInvalid, match="public"):
        Requirement(public=True, scopes=frozenset({"notes:read"}))


def test_an_object_that_cannot_carry_a_rule_is_refused_with_a_hint() -> None:
    with pytest.raises(RequirementInvalid, match="len cannot carry") as caught:
        public(len)
    assert "below other decorators" in caught.value.hint
    assert caught.value.code is Code.TOOL_UNDECLARED


@pytest.mark.parametrize("entry", ["github:", "user:"])
def test_a_kind_without_a_name_is_refused(entry: str) -> None:
    with pytest.raises(RequirementInvalid, match="is no role or user name"):
        requires(users=[entry])


def test_github_logins_are_kept_without_case_and_other_names_as_they_are() -> None:
    assert Requirement(users=frozenset({"github:OctoCat", "user:Ada", "Ada"})).users == {
        "github:octocat",
        "user:Ada",
        "Ada",
    }

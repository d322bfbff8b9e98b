"""What a function demands of its caller, declared where the function is written.

``@requires(...)`` and ``@public`` set one attribute and return the same function, so signatures, types and
whatever else reads the function stay as they are. A function with neither has no requirement, which ``decide``
answers with a denial. Not here: who refuses to start because of a missing one (``app``).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from gatelodge.access.scopes import is_scope_token
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["Requirement", "RequirementInvalid", "public", "requirement_of", "requires"]

_ATTRIBUTE = "__gatelodge_requirement__"
F = TypeVar("F", bound=Callable[..., object])


class RequirementInvalid(GatelodgeError):
    """An access rule is declared in a way that cannot be meant; raised while the server's code is imported."""

    code = Code.TOOL_UNDECLARED


@dataclass(frozen=True, slots=True)
class Requirement:
    """All scopes, one of the roles and one of the users; an empty set demands nothing.

    Raises: RequirementInvalid for names that no token can carry, and for a public one that also demands.
    """

    public: bool = False
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.public and (self.scopes or self.roles or self.users):
            raise RequirementInvalid("a public function cannot demand scopes, roles or users", hint="Drop one of both.")
        for scope in self.scopes:
            _check_scope(scope)
        for name in self.roles | self.users:
            if not isinstance(name, str) or not name.strip():
                raise RequirementInvalid(f"{name!r} is no role or user name", hint="Write names as non-empty strings.")


def requires(*scopes: str, roles: Iterable[str] = (), users: Iterable[str] = ()) -> Callable[[F], F]:
    """Demand a signed-in caller with all ``scopes``, one of ``roles`` and one of ``users`` (user name or subject).

    Raises: RequirementInvalid when a name is unusable or the function already has a rule.
    """
    requirement = Requirement(scopes=frozenset(scopes), roles=_names("roles", roles), users=_names("users", users))
    return lambda function: _declare(function, requirement)


def public(function: F) -> F:
    """Open a function to everyone, signed in or not. Raises: RequirementInvalid when it already has a rule."""
    return _declare(function, Requirement(public=True))


def requirement_of(function: object) -> Requirement | None:
    """The declared requirement, also through ``functools.wraps`` and bound methods; None when there is none."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, Requirement) else None


def _declare(function: F, requirement: Requirement) -> F:
    name = getattr(function, "__qualname__", type(function).__name__)
    if requirement_of(function) is not None:
        raise RequirementInvalid(f"{name} has two access rules", hint="Keep one @requires(...) or one @public.")
    try:
        setattr(function, _ATTRIBUTE, requirement)
    except (AttributeError, TypeError, ValueError) as error:
        raise RequirementInvalid(
            f"{name} cannot carry an access rule", hint="Put the rule on the plain function, below other decorators."
        ) from error
    return function


def _names(argument: str, names: Iterable[str]) -> frozenset[str]:
    # A lone string is an iterable of letters: it would demand one-letter roles and lock everyone out.
    if isinstance(names, str):
        raise RequirementInvalid(f"{argument}={names!r} is one string", hint=f"Write {argument}=({names!r},).")
    return frozenset(names)


def _check_scope(scope: object) -> None:
    if callable(scope):
        raise RequirementInvalid("@requires has no parentheses", hint="Write @requires() or @requires('name:read').")
    if not isinstance(scope, str) or not is_scope_token(scope):
        raise RequirementInvalid(f"{scope!r} is no scope name", hint="Use printable ASCII without spaces and quotes.")
    # MCP 2026-07-28, authorization: a challenge should not carry it, so a client could never be told to ask for it.
    if scope == "offline_access":
        raise RequirementInvalid("offline_access is no scope of a tool", hint="Name a scope of this server.")

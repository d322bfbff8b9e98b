"""What a function demands of its caller, declared where the function is written.

``@requires(...)`` and ``@public`` set one attribute and return the same function, so signatures, types and
whatever else reads the function stay as they are. A function with neither has no requirement, which ``decide``
answers with a denial. Not here: who refuses to start because of a missing one (``app``).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar, overload

from gatelodge.access.scopes import is_scope_token
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["GITHUB", "KINDS", "USER", "Requirement", "RequirementInvalid", "public", "requirement_of", "requires"]

# What a user rule's entry begins with when it says which name it is.
GITHUB, USER = "github:", "user:"
KINDS = (GITHUB, USER)
_ATTRIBUTE = "__gatelodge_requirement__"
F = TypeVar("F", bound=Callable[..., object])


class RequirementInvalid(GatelodgeError):
    """An access rule is declared in a way that cannot be meant; raised while the server's code is imported."""

    code = Code.TOOL_UNDECLARED


@dataclass(frozen=True, slots=True)
class Requirement:
    """All scopes, one of the scopes in ``any_of``, one of the roles, one of the users; what is empty demands nothing.

    ``any_of`` is in order of preference: a challenge names its first one. ``optional`` are scopes that a public
    function makes use of when its caller has them. ``users`` are subjects, user names, ``user:`` and a user name, or
    ``github:`` and a GitHub login, which is kept in lower case: GitHub's names have no case.
    Raises: RequirementInvalid for names that no token can carry, and for what contradicts itself.
    """

    public: bool = False
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    any_of: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.public and (self.scopes or self.roles or self.users or self.any_of):
            raise RequirementInvalid("a public function cannot demand scopes, roles or users", hint="Drop one of both.")
        if self.optional and not self.public:
            raise RequirementInvalid("only a public function has optional scopes", hint="Demand them, or use @public.")
        for scope in self.all_scopes:
            _check_scope(scope)
        for name in self.roles | self.users:
            if not isinstance(name, str) or not name.strip() or name in KINDS:
                raise RequirementInvalid(f"{name!r} is no role or user name", hint="Write names as non-empty strings.")
        folded = (name.casefold() if name.startswith(GITHUB) else name for name in self.users)
        object.__setattr__(self, "users", frozenset(folded))

    @property
    def all_scopes(self) -> frozenset[str]:
        """Every scope that the rule mentions: what a server has to be able to ask for."""
        return self.scopes.union(self.any_of, self.optional)


def requires(
    *scopes: str, any_of: Iterable[str] = (), roles: Iterable[str] = (), users: Iterable[str] = ()
) -> Callable[[F], F]:
    """Demand a signed-in caller with all ``scopes``, one of ``any_of``, one of ``roles`` and one of ``users``.

    ``any_of`` are scopes, the preferred one first; ``users`` are user names or subjects, and with ``user:`` or
    ``github:`` before it only a user name or a GitHub login. Names are those of the server's own issuer.
    Raises: RequirementInvalid when a name is unusable or the function already has a rule.
    """
    requirement = Requirement(
        scopes=frozenset(scopes),
        any_of=_names("any_of", any_of),
        roles=frozenset(_names("roles", roles)),
        users=frozenset(_names("users", users)),
    )
    return lambda function: _declare(function, requirement)


@overload
def public(function: F, /) -> F: ...
@overload
def public(*, scopes: Iterable[str]) -> Callable[[F], F]: ...
def public(function: F | None = None, /, *, scopes: Iterable[str] = ()) -> F | Callable[[F], F]:
    """Open a function to everyone, signed in or not; ``scopes`` are those it makes use of when the caller has them.

    Raises: RequirementInvalid when the function already has a rule, or a scope name is unusable.
    """
    requirement = Requirement(public=True, optional=frozenset(_names("scopes", scopes)))
    return _declare(function, requirement) if function is not None else lambda found: _declare(found, requirement)


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


def _names(argument: str, names: Iterable[str]) -> tuple[str, ...]:
    # A lone string is an iterable of letters: it would demand one-letter roles and lock everyone out.
    if isinstance(names, str):
        raise RequirementInvalid(f"{argument}={names!r} is one string", hint=f"Write {argument}=({names!r},).")
    return tuple(dict.fromkeys(names))


def _check_scope(scope: object) -> None:
    if callable(scope):
        raise RequirementInvalid("@requires has no parentheses", hint="Write @requires() or @requires('name:read').")
    if not isinstance(scope, str) or not is_scope_token(scope):
        raise RequirementInvalid(f"{scope!r} is no scope name", hint="Use printable ASCII without spaces and quotes.")
    # MCP 2026-07-28, authorization: a challenge should not carry it, so a client could never be told to ask for it.
    if scope == "offline_access":
        raise RequirementInvalid("offline_access is no scope of a tool", hint="Name a scope of this server.")

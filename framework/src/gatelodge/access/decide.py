"""The one access decision, used alike for listing and for calling tools, prompts and resources.

Invariant: nothing is allowed that did not declare itself, and what is not allowed is offered (step-up) only when
more scopes would be enough. Not here: the answer on the wire (``app``) and the audit event (``audit``).
"""

import re
from dataclasses import dataclass
from enum import Enum

from gatelodge.access.requirement import GITHUB, KINDS, USER, Requirement
from gatelodge.access.scopes import missing
from gatelodge.core.identity import Principal

__all__ = ["Answer", "Decision", "decide"]

# How Keycloak forms a subject: a UUID, or f:<provider>:<id> for a federated user.
_SUBJECT_FORM = re.compile(r"f:.*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.DOTALL)


class Answer(Enum):
    """Allow: listed, runs. Step-up: listed, asks for scopes. Deny: neither listed nor told apart from unknown."""

    ALLOW = "allow"
    STEP_UP = "step_up"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer, the rule that gave it, and every scope the operation needs (sorted, granted ones included).

    Of alternatives the scopes hold one: the first that the caller has, else the first declared.
    Rules: ``undeclared``, ``public``, ``anonymous``, ``service``, ``roles``, ``users``, ``scopes``, ``any_of``,
    ``granted``.
    """

    answer: Answer
    rule: str
    scopes: tuple[str, ...]
    authenticated: bool


def decide(requirement: Requirement | None, principal: Principal | None) -> Decision:
    """Answer for one operation and one caller (None: nobody signed in); pure, and the same for list and call."""
    if requirement is None:
        return Decision(Answer.DENY, "undeclared", (), principal is not None)
    if principal is not None and principal.service and not requirement.public:
        # RFC 9700, section 4.15: what is for people is not for a client that acts for itself.
        return Decision(Answer.DENY, "service", (), authenticated=True)
    chosen = _alternative(requirement.any_of, principal)
    answer, rule = _judge(requirement, principal, chosen)
    return Decision(answer, rule, tuple(sorted(requirement.scopes | chosen)), principal is not None)


def _alternative(any_of: tuple[str, ...], principal: Principal | None) -> frozenset[str]:
    """The alternative to go by: none, or one scope."""
    if not any_of:
        return frozenset()
    granted = frozenset() if principal is None else principal.scopes
    had = (scope for scope in any_of if not missing(frozenset({scope}), granted))
    return frozenset({next(had, any_of[0])})


def _judge(requirement: Requirement, principal: Principal | None, chosen: frozenset[str]) -> tuple[Answer, str]:
    if requirement.public:
        return Answer.ALLOW, "public"
    if principal is None:
        # Signing in might not be enough where roles or users are demanded: to a stranger that does not exist.
        hidden = requirement.roles or requirement.users
        return (Answer.DENY if hidden else Answer.STEP_UP), "anonymous"
    if requirement.roles and requirement.roles.isdisjoint(principal.roles):
        return Answer.DENY, "roles"
    if requirement.users and not _named(requirement.users, principal):
        return Answer.DENY, "users"
    for rule, needed in (("scopes", requirement.scopes), ("any_of", chosen)):
        if missing(needed, principal.scopes):
            return Answer.STEP_UP, rule
    return Answer.ALLOW, "granted"


def _named(users: frozenset[str], principal: Principal) -> bool:
    subject, login, name = principal.subject, principal.github_login, principal.username
    # An entry of a kind says what it is: a subject that looks like one must not pass for it.
    if subject in users and not subject.startswith(KINDS):
        return True
    # A name means one person at one issuer only.
    if principal.foreign:
        return False
    if login is not None and f"{GITHUB}{login.casefold()}" in users:
        return True
    # A user name can be chosen: one that looks like a subject or an entry of a kind must not pass for its owner.
    if name is None or name.startswith(KINDS):
        return False
    return f"{USER}{name}" in users or (name in users and _SUBJECT_FORM.fullmatch(name) is None)

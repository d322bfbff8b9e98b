"""Which scopes a person of Cloudflare Access has: those that the operator wrote down for them, and no others.

Rules: ``alice@example.com`` one address, ``*@example.com`` the addresses of one domain, ``group:Finance`` a group that
the identity provider names in the assertion. Invariant: addresses are compared byte by byte, so another spelling (case,
a plus part, other alphabets) is another address; what is no plain address fits no rule.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

__all__ = ["GROUP", "AccessScopes", "is_rule"]

GROUP = "group:"
# Plain ASCII addresses: one @, nothing quoted. What else RFC 5322 allows is read differently by different readers.
_LOCAL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+"
_DOMAIN = r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
_ADDRESS = re.compile(rf"{_LOCAL}@({_DOMAIN})")
_WHOLE_DOMAIN = re.compile(rf"\*@{_DOMAIN}")


def is_rule(who: str) -> bool:
    """Whether ``who`` can be the left side of a rule."""
    if who.startswith(GROUP):
        return bool(who[len(GROUP) :].strip()) and who.isprintable()
    return bool(_WHOLE_DOMAIN.fullmatch(who) or (_ADDRESS.fullmatch(who) and not who.startswith("*@")))


@dataclass(frozen=True, slots=True)
class AccessScopes:
    """The rules: who, and the scopes that they have."""

    rules: Mapping[str, frozenset[str]]

    def of(self, email: str | None, groups: Collection[str]) -> frozenset[str]:
        """All scopes that rules give; empty when none fits."""
        keys = [GROUP + group for group in groups]
        if email is not None and (found := _ADDRESS.fullmatch(email)) and not email.startswith("*@"):
            keys += [email, f"*@{found[1]}"]
        return frozenset().union(*(self.rules.get(key, frozenset()) for key in keys))

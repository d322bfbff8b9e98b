"""The closed set of what is recorded. A kind names the thing and what was done with it."""

from fnmatch import fnmatchcase

__all__ = ["KINDS", "kinds_like"]

_BY_THING = {
    "token": ("use", "refuse"),
    "connection": ("link", "refresh", "unlink"),
    "vault": ("get", "set", "delete", "mark", "refresh", "rotate", "quarantine", "release"),
    "session": ("open", "close"),
    "access": ("decide",),
    "registration": ("create", "fold", "change", "remove", "reap", "document", "refuse"),
    "request": ("refuse",),
    "proxy": ("call",),
    "tool": ("call",),
    "prompt": ("get",),
    "resource": ("read",),
    "endpoint": ("call",),
    "service": ("token",),
    "admin": ("client", "key", "realm", "trail"),
}
KINDS: frozenset[str] = frozenset(f"{thing}.{done}" for thing, all_done in _BY_THING.items() for done in all_done)


def kinds_like(pattern: str) -> frozenset[str]:
    """The kinds that a pattern such as ``tool.call``, ``tool.*`` or ``*.refuse`` names; a bare ``tool`` is ``tool.*``."""
    pattern = pattern if "." in pattern or "*" in pattern else f"{pattern}.*"
    return frozenset(kind for kind in KINDS if fnmatchcase(kind, pattern))

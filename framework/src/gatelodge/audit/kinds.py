"""The closed set of what is recorded. A kind names the thing and what was done with it."""

__all__ = ["KINDS"]

_BY_THING = {
    "token": ("open",),
    "connection": ("link", "refresh", "unlink", "needs_reauth", "sweep"),
    "vault": ("get", "set", "delete", "mark", "refresh", "rotate", "migrate", "quarantine", "release"),
    "session": ("open", "close"),
    "access": ("decide",),
    "proxy": ("call",),
    "tool": ("call",),
    "service": ("token",),
    "admin": ("client", "key", "migration", "realm", "revoke", "settings", "trail"),
}
KINDS: frozenset[str] = frozenset(f"{thing}.{done}" for thing, all_done in _BY_THING.items() for done in all_done)

"""What can go wrong in the vault. Invariant: no message holds a key, a token or a part of one."""

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["CredentialUnreadable", "StoreReadOnly", "VaultKeyUnusable"]


class VaultKeyUnusable(GatelodgeError):
    """The key is missing, malformed, weak, readable by others, or not the one that the rows need."""

    code = Code.VAULT_KEY


class CredentialUnreadable(GatelodgeError):
    """A row does not open: it was changed, moved or sealed by a key that is not here. It is quarantined."""

    code = Code.VAULT_UNREADABLE


class StoreReadOnly(GatelodgeError):
    """The store's backend is the environment, which nobody can write from here."""

    code = Code.STORE_READ_ONLY

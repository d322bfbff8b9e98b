"""The keyring of a running process for its short-lived values, shared by all that seal those.

Invariants: a value that another replica sealed by a newer key of the same key file opens here without a restart; nothing
is sealed by a key that was retired. Not here: credentials of connections (``sealing``), which follow the same two rules.
"""

import asyncio
from collections.abc import Callable

from gatelodge.storage.database import Database
from gatelodge.vault.key_source import read_again
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.retired import check_writer

__all__ = ["CurrentKeys"]


class CurrentKeys:
    """``reload`` reads the keys anew; ``database`` knows which were retired. Without either the keyring stays as it is."""

    def __init__(
        self, keyring: Keyring, *, reload: Callable[[], Keyring] | None = None, database: Database | None = None
    ) -> None:
        self.keyring = keyring
        self._reload, self._database = reload, database
        self._reading = asyncio.Lock()

    async def renew(self) -> bool:
        """Read the keys anew, where that is possible."""
        before = self.keyring
        # One reading for all who wait: strangers bring cookies with key ids that nobody has.
        async with self._reading:
            if self.keyring is not before:
                return True
            fresh = await read_again(self._reload)
            self.keyring = fresh or before
            return fresh is not None

    async def check(self) -> None:
        """Take a newer primary key when ours was retired. Raises: KeyRetired, StorageUnavailable, StorageFault."""
        if self._database is not None:
            async with self._database.reading() as tx:
                await check_writer(tx, self)

"""The last good copy of one document of an issuer on disk, for a start while the issuer is away.

Invariants: what is read back is no more trusted than an answer (the caller checks it as it checks a fetched one), and
only from a file that nobody else can write; a file is whole or absent, readable by its owner only; a file that cannot
be used is said in the log and otherwise as if it were not there. Holds public documents only: no secret gets here.

Not here: what may be in a document (``key_set``, ``metadata``), when it is fetched (``last_good``).
"""

import asyncio
import json
import logging
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from gatelodge.core.clock import Clock

__all__ = ["DiskCopy"]

logger = logging.getLogger(__name__)

FORMAT = 1
MAX_BYTES = 256 * 1024
# A clock corrected backwards a little makes a copy "from the future"; by more, its age is unknowable.
SKEW = 60.0


class _Unusable(ValueError):
    """The file cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class DiskCopy:
    """One file in ``folder`` for the ``kind`` of document of ``issuer``; older than ``limit`` seconds it is ignored."""

    folder: Path
    issuer: str
    kind: Literal["keys", "metadata"]
    limit: float
    clock: Clock

    @property
    def path(self) -> Path:
        """Where the copy is; an issuer's URL makes no file name, its digest does."""
        return self.folder / f"{self.kind}-{sha256(self.issuer.encode()).hexdigest()[:16]}.json"

    async def save(self, document: Mapping[str, Any], fetched: float) -> None:
        """Replace the copy by ``document``, read at wall time ``fetched``; what the disk refuses is only logged."""
        head = {"format": FORMAT, "kind": self.kind, "issuer": self.issuer, "fetched": fetched}
        try:
            # A slow disk must not stop the loop.
            await asyncio.to_thread(self._write, json.dumps({**head, "document": document}).encode())
        except OSError as error:
            logger.warning("no copy of the issuer's %s kept in %s: %s", self.kind, self.folder, error)

    def load(self) -> tuple[dict[str, Any], float] | None:
        """The document and its age in seconds, or None when there is no usable copy."""
        try:
            return self._checked(self._read())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            logger.warning("copy of the issuer's %s in %s ignored: %s", self.kind, self.path, str(error)[:200])
            return None

    def _write(self, content: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # One draft per process: servers that share a folder do not write into each other's.
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)

    def _read(self) -> bytes:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(self.path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise _Unusable("it is no regular file")
            # Who can write it could name keys of their own.
            if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise _Unusable("others than this process's user can write it")
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise _Unusable(f"it is over {MAX_BYTES} bytes")
        return content

    def _checked(self, content: bytes) -> tuple[dict[str, Any], float]:
        try:
            value = json.loads(content)
        except ValueError as error:
            raise _Unusable("it is not JSON") from error
        if not isinstance(value, dict) or (value.get("format"), value.get("kind")) != (FORMAT, self.kind):
            raise _Unusable(f"it is of another form than {self.kind} {FORMAT}")
        if value.get("issuer") != self.issuer:
            raise _Unusable(f"it is of the issuer {str(value.get('issuer'))[:80]!r}")
        document, fetched = value.get("document"), value.get("fetched")
        if not isinstance(document, dict) or not isinstance(fetched, int | float) or not math.isfinite(fetched):
            raise _Unusable("a member is missing")
        age = self.clock.now() - fetched
        if not -SKEW <= age <= self.limit:
            raise _Unusable(f"it is {age:.0f} seconds old, the limit is {self.limit:.0f}")
        return document, max(age, 0.0)

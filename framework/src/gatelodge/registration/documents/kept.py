"""Copies of fetched documents in memory and on disk, bounded in number.

Invariants: a file is whole or absent, of mode 0600, and there are no more of them than copies in memory; what is read
back is no more trusted than an answer: whoever uses it checks it again. Copies hold public documents only.

Not here: when a copy may be used (``copies``), what is in it (``read``).
"""

import asyncio
import json
import logging
import math
import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

__all__ = ["Copy", "Kept"]

logger = logging.getLogger(__name__)

# Room for the largest body, its escapes in JSON included.
MAX_FILE_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Copy:
    """One body of ``url``; times are wall seconds: last confirmed by its host, and fresh until."""

    url: str
    body: str
    etag: str | None
    confirmed: float
    fresh_until: float
    withdrawn: bool = False


class Kept:
    """At most ``limit`` copies by URL; the one used longest ago goes first, those that ``spares`` names last."""

    def __init__(self, folder: Path | None, *, limit: int, spares: Callable[[str], bool]) -> None:
        self._folder = folder
        self._limit = limit
        self._spares = spares
        self._copies: OrderedDict[str, Copy] = OrderedDict()
        if folder is not None:
            self._load(folder)

    def get(self, url: str) -> Copy | None:
        """The copy of ``url``, which now counts as used."""
        if url in self._copies:
            self._copies.move_to_end(url)
        return self._copies.get(url)

    def __contains__(self, url: str) -> bool:
        return url in self._copies

    def urls(self) -> Sequence[str]:
        """What there are copies of."""
        return tuple(self._copies)

    async def put(self, copy: Copy) -> None:
        """Replace the copy of ``copy.url``; what the disk refuses is only logged."""
        self._copies[copy.url] = copy
        self._copies.move_to_end(copy.url)
        gone = [self._oldest()] if len(self._copies) > self._limit else []
        for url in gone:
            del self._copies[url]
        await self._disk(copy, gone)

    async def drop(self, url: str) -> None:
        """Forget the copy of ``url``."""
        if self._copies.pop(url, None) is not None:
            await self._disk(None, [url])

    def _oldest(self) -> str:
        return next((url for url in self._copies if not self._spares(url)), next(iter(self._copies)))

    async def _disk(self, copy: Copy | None, gone: Sequence[str]) -> None:
        if self._folder is None:
            return
        try:
            # A slow disk must not stop the loop.
            await asyncio.to_thread(self._write, self._folder, copy, gone)
        except OSError as error:
            logger.warning("no copy of a client's document kept in %s: %s", self._folder, error)

    def _write(self, folder: Path, copy: Copy | None, gone: Sequence[str]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for url in gone:
            (folder / _name(url)).unlink(missing_ok=True)
        if copy is None:
            return
        path = folder / _name(copy.url)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            file.write(json.dumps(asdict(copy)).encode())
        draft.replace(path)

    def _load(self, folder: Path) -> None:
        # Sorted by age, so that the newest stay when there are too many.
        for path in sorted(folder.glob("*.json"), key=_modified):
            copy = _read(path)
            if copy is None:
                path.unlink(missing_ok=True)
                continue
            self._copies[copy.url] = copy
            if len(self._copies) > self._limit:
                oldest = self._oldest()
                del self._copies[oldest]
                (folder / _name(oldest)).unlink(missing_ok=True)


def _name(url: str) -> str:
    """A URL makes no file name, its digest does."""
    return f"{sha256(url.encode()).hexdigest()}.json"


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _read(path: Path) -> Copy | None:
    """The copy in a file, or None when the file cannot be used."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            content = file.read(MAX_FILE_BYTES)
        copy = Copy(**json.loads(content))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        logger.warning("copy of a client's document in %s ignored: %s", path, str(error)[:200])
        return None
    # Who can write it could name redirects and keys of their own.
    own = found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not own or not _is_whole(copy) or path.name != _name(copy.url):
        logger.warning("copy of a client's document in %s ignored: others can write it, or it is damaged", path)
        return None
    return copy


def _is_whole(copy: Copy) -> bool:
    kinds = (copy.url, str), (copy.body, str), (copy.etag, str | None), (copy.withdrawn, bool)
    times = copy.confirmed, copy.fresh_until
    return all(isinstance(value, kind) for value, kind in kinds) and all(
        isinstance(time, int | float) and math.isfinite(time) for time in times
    )

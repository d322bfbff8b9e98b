"""A folder of Markdown, text and HTML files, watched by comparing snapshots.

No symbolic link and no dot file is followed or read. A file that cannot be read is skipped and named in the log.
"""

import hashlib
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sample.documents import Document, read

__all__ = ["Corpus", "document_id"]

_log = logging.getLogger(__name__)
_MEDIA_TYPES = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".html": "text/html",
    ".htm": "text/html",
}
_LARGEST = 5_000_000  # bytes; a larger file is data, not a document
_Stamp = tuple[int, int, int]


def document_id(path: str) -> str:
    """Opaque id of a file, the same after every start. Raises: UnicodeError for a name that is not UTF-8."""
    return hashlib.sha256(path.encode()).hexdigest()[:20]


class Corpus:
    """The documents of ``folder``. ``url_of`` maps (relative path, id) to a URL; ``clock`` counts seconds."""

    def __init__(
        self,
        folder: Path,
        url_of: Callable[[str, str], str] = lambda _path, _id: "",
        *,
        clock: Callable[[], float] = time.monotonic,
        rescan_interval: float = 1.0,
    ) -> None:
        self._folder = folder
        self._url_of = url_of
        self._clock = clock
        self._rescan_interval = rescan_interval
        self._next_scan = clock()
        self._snapshot: dict[str, _Stamp | None] = {}
        self._ids: dict[str, str] = {}

    def changes(self) -> Iterator[tuple[str, Document | None]]:
        """(id, document) of each file that is new or changed, (id, None) of each that is gone, since the last call.

        Looks at the folder at most once per interval; only changed files are read.
        """
        if self._clock() < self._next_scan:
            return
        before, self._snapshot = self._snapshot, self._scan()
        self._next_scan = self._clock() + self._rescan_interval
        for path in sorted(before.keys() | self._snapshot.keys()):
            if before.get(path, "new") == self._snapshot.get(path, "gone"):
                continue
            document = self._read(path) if path in self._snapshot else None
            if document:
                self._ids[path] = document.id
                yield document.id, document
            elif path in self._ids:
                yield self._ids.pop(path), None

    def _scan(self) -> dict[str, _Stamp | None]:
        # An unreadable folder gets an entry too: reading it fails like a broken file, and is logged once.
        unreadable: list[OSError] = []
        found: dict[str, _Stamp | None] = {}
        for folder, subfolders, names in os.walk(self._folder, onerror=unreadable.append):
            subfolders[:] = [name for name in subfolders if not name.startswith(".")]
            for path in (Path(folder, name) for name in names if not name.startswith(".")):
                if path.suffix.lower() in _MEDIA_TYPES and (stamp := _stamp(path)):
                    found[path.relative_to(self._folder).as_posix()] = stamp
        for error in unreadable:
            if Path(error.filename) == self._folder:
                _log.warning("keeping the last documents, %s cannot be read: %s", self._folder, error)
                return self._snapshot
            found[Path(error.filename).relative_to(self._folder).as_posix()] = None
        return found

    def _read(self, path: str) -> Document | None:
        file = self._folder / path
        media_type = _MEDIA_TYPES.get(file.suffix.lower(), "")
        try:
            own_id, found = document_id(path), file.stat()
            if found.st_size > _LARGEST:
                _log.warning("skipped %r: larger than %d bytes", path, _LARGEST)
                return None
            reading = read(media_type, file.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeError) as error:
            _log.warning("skipped %r: %s", path, error)
            return None
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
        return Document(
            id=own_id,
            title=reading.title or file.stem,
            text=reading.text,
            url=self._url_of(path, own_id),
            metadata={"type": media_type, "path": path, "modified": modified.isoformat(timespec="seconds")},
            headings=reading.headings,
            html=reading.html,
        )


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.lstat()
    except OSError:  # gone since the folder was listed
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else None

"""A folder of documents and the library over it, as the tests open it again and again."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sample.corpus import Corpus
from sample.index import Index
from sample.library import Library
from sample.notes import Notes

__all__ = ["Shelf"]


@dataclass
class Shelf:
    """The folder and the library over it; ``seconds`` is the time that the library sees."""

    folder: Path
    state: Path
    seconds: float = 0.0
    url_of: Callable[[str, str], str] = lambda _path, _id: ""

    def write(self, path: str, content: str | bytes) -> Path:
        """Write a file so that its stamp differs from any earlier one."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        self.seconds += 2
        os.utime(file, (self.seconds, self.seconds))
        return file

    def corpus(self) -> Corpus:
        """A corpus of the folder as it is now."""
        return Corpus(self.folder, self.url_of, clock=lambda: self.seconds)

    def open(self) -> Library:
        """A library as a starting server opens it."""
        return Library(self.corpus(), Notes(self.state / "notes.sqlite3"), Index())

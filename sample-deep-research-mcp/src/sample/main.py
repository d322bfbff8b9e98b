"""The ASGI app of ``sample:app``: settings, the library they describe, the server over it, behind ``protect``."""

import sqlite3

from gatelodge import SettingsInvalid, load_settings, protect
from sample.corpus import Corpus
from sample.index import Index
from sample.library import Library
from sample.notes import Notes
from sample.server import create_server
from sample.settings import Settings

__all__ = ["app"]


def _open_library(settings: Settings) -> Library:
    try:
        notes = Notes(settings.state_dir / "notes.sqlite3")
    except (OSError, sqlite3.Error) as error:
        raise SettingsInvalid(f"GATELODGE_STATE_DIR: cannot keep notes in {settings.state_dir}: {error}") from error
    return Library(Corpus(settings.corpus_dir, settings.url_of), notes, Index(settings.language))


_current = load_settings(Settings)
app = protect(create_server(_open_library(_current), _current.page_path if _current.corpus_public else None))

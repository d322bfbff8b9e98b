"""Everything a user may find: the documents of the folder, which all may read, and the user's own notes."""

import threading

from sample.corpus import Corpus
from sample.documents import Document
from sample.index import EVERYONE, Index
from sample.notes import Notes
from sample.passages import passages

__all__ = ["Library"]


class Library:
    """Corpus and notes behind one index. Blocking; safe to call from several threads."""

    def __init__(self, corpus: Corpus, notes: Notes, index: Index) -> None:
        self._corpus = corpus
        self._notes = notes
        self._index = index
        self._documents: dict[str, Document] = {}
        self._last_note = 0
        self._lock = threading.Lock()
        self._refresh()

    def search(self, query: str, owner: str) -> list[Document]:
        """At most ten documents, best first. The index filters by owner before it ranks."""
        self._refresh()
        found = (self._find(document_id, owner) for document_id in self._index.search(query, (EVERYONE, owner)))
        return [document for document in found if document]

    def fetch(self, document_id: str, owner: str) -> Document | None:
        """A document of the folder or a note of this owner: an id is no permission."""
        self._refresh()
        return self._find(document_id, owner)

    def public_document(self, document_id: str) -> Document | None:
        """A document of the folder, never a note."""
        self._refresh()
        return self._documents.get(document_id)

    def save_note(self, owner: str, title: str, text: str) -> Document:
        """Keep a note that only its owner finds. Raises: NotebookFull."""
        return self._notes.save(owner, title, text)

    def _find(self, document_id: str, owner: str) -> Document | None:
        return self._documents.get(document_id) or self._notes.find(owner, document_id)

    def _refresh(self) -> None:
        """Bring changed files and new notes, of whatever replica, into the index."""
        with self._lock:
            changed = False
            for document_id, document in self._corpus.changes():
                changed = True
                if document:
                    self._documents[document_id] = document
                    self._index.put(document_id, passages(document))
                else:
                    del self._documents[document_id]
                    self._index.remove(document_id)
            for number, owner, note in self._notes.after(self._last_note):
                changed = True
                self._index.put(note.id, passages(note), reader=owner)
                self._last_note = number
            if changed:
                self._index.commit()

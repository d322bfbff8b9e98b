"""Why a client cannot be known by its document.

Invariant: ``description`` may be shown to anyone: it names members and rules, never a value of the document or the
request. ``detail`` is for operators.
"""

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = [
    "ClientIdInvalid",
    "DocumentError",
    "DocumentInvalid",
    "DocumentUnavailable",
    "DocumentWithdrawn",
    "KeysUnavailable",
    "KnownDocumentUnusable",
]


class DocumentError(GatelodgeError):
    """Base: ``description`` is what the client's developer is told."""

    def __init__(self, description: str, *, detail: str | None = None, hint: str | None = None) -> None:
        super().__init__(detail or description, hint=hint)
        self.description = description


class ClientIdInvalid(DocumentError):
    """The client id is no URL that a document may have here."""

    code = Code.CLIENT_DOCUMENT_INVALID


class DocumentInvalid(DocumentError):
    """A document came, but it describes no client that can be served."""

    code = Code.CLIENT_DOCUMENT_INVALID


class DocumentWithdrawn(DocumentError):
    """The document's host says that there is none (404 or 410)."""

    code = Code.CLIENT_DOCUMENT_INVALID


class DocumentUnavailable(DocumentError):
    """The document cannot be fetched now, and no copy of it may be used."""

    code = Code.CLIENT_DOCUMENT_UNAVAILABLE


class KeysUnavailable(DocumentError):
    """The client has no usable public key, or its keys cannot be fetched."""

    code = Code.CLIENT_DOCUMENT_UNAVAILABLE


class KnownDocumentUnusable(GatelodgeError):
    """A file of well-known documents cannot be used; the text names it."""

    code = Code.SETTINGS_INVALID

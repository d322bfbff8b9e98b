"""The documents of well-known clients as dated data, for when theirs cannot be fetched.

Invariant: a file says when and where its document was seen, and the document holds only what was seen: a member that
the source does not give is left out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from gatelodge.registration.documents.document_url import checked_url
from gatelodge.registration.documents.errors import DocumentError, KnownDocumentUnusable
from gatelodge.registration.documents.strict_object import strict_object

__all__ = ["KnownDocument", "differences", "read_known"]


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """``seen``: an ISO date; ``body``: the document as JSON; ``source``: where it was seen."""

    seen: str
    body: bytes
    source: str


def read_known(folder: Path) -> Mapping[str, KnownDocument]:
    """The documents in ``folder`` (``*.json``) by client id. Raises: KnownDocumentUnusable, naming the file."""
    found: dict[str, KnownDocument] = {}
    for path in sorted(folder.glob("*.json")):
        client_id, document = _read(path)
        if client_id in found:
            raise KnownDocumentUnusable(f"{path}: another file has the same client_id")
        found[client_id] = document
    return found


def differences(known: KnownDocument, body: bytes) -> tuple[str, ...]:
    """Members that the known document has and that say something else, or nothing, in ``body``. Lists are sets here."""
    seen, now = json.loads(known.body), strict_object(body, "document")
    return tuple(name for name in seen if name not in now or _unordered(seen[name]) != _unordered(now[name]))


def _read(path: Path) -> tuple[str, KnownDocument]:
    try:
        file = strict_object(path.read_bytes(), "file")
        document = file["document"]
        client_id = checked_url(document["client_id"])
        seen, source = date.fromisoformat(file["seen"]), file["source"]
    except OSError as error:
        raise KnownDocumentUnusable(f"{path}: {error}") from error
    except DocumentError as error:
        raise KnownDocumentUnusable(f"{path}: {error.detail}") from error
    except (KeyError, TypeError, ValueError) as error:
        wanted = 'an object with "seen" (YYYY-MM-DD), "source" and "document" (an object with client_id)'
        raise KnownDocumentUnusable(f"{path}: {wanted} is needed") from error
    return client_id, KnownDocument(seen.isoformat(), json.dumps(document).encode(), str(source))


def _unordered(value: object) -> object:
    return sorted(map(repr, value)) if isinstance(value, list) else value

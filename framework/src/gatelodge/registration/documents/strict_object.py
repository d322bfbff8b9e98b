"""JSON of a stranger as one object with one reading (RFC 8259, sections 4 and 8.1).

Invariant: UTF-8 without a byte order mark, no name twice in an object, no numbers that JSON does not have.
"""

import json
from typing import Any

from gatelodge.core.strict_json import TwinMembers, no_constant, no_twins
from gatelodge.registration.documents.errors import DocumentInvalid

__all__ = ["strict_object"]

_BOM = b"\xef\xbb\xbf"


def strict_object(raw: bytes, what: str) -> dict[str, Any]:
    """The object in ``raw``; ``what`` names it in the error. Raises: DocumentInvalid."""
    if raw.startswith(_BOM):
        raise DocumentInvalid(f"The {what} begins with a byte order mark; JSON has none.")
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=no_twins, parse_constant=no_constant)
    except TwinMembers as error:
        raise DocumentInvalid(f"The {what} has a member twice in one object.") from error
    except (ValueError, RecursionError) as error:
        raise DocumentInvalid(f"The {what} is not JSON in UTF-8.") from error
    if not isinstance(value, dict):
        raise DocumentInvalid(f"The {what} must be one JSON object.")
    return value

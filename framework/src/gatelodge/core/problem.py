"""One body for every error (RFC 9457, section 3): of REST answers, of JSON-RPC's ``data`` and of tools' ``_meta``.

Invariant: nothing in it depends on the caller but ``request_id``, unless the one who raises says so in ``detail``,
``hint`` or a further member. Not here: the answer around it, its media type, OAuth's ``error`` beside it.
"""

from typing import Any

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["MEDIA_TYPE", "META", "problem", "problem_of"]

MEDIA_TYPE = "application/problem+json"
# The member of ``_meta`` that has it in an MCP result.
META = "gatelodge/problem"


def problem(
    code: Code,
    request_id: str | None,
    *,
    status: int | None = None,
    detail: str | None = None,
    hint: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The members of a code: ``type``, ``title``, ``status``, ``detail``, ``code``, ``hint``, ``request_id``, ``more``.

    ``detail`` is of this occurrence, else the code's likely cause; ``type`` is a path in the project's documentation.
    RFC 9457 (section 3.1.1) would rather have a whole address there; the documentation has no public one yet.
    """
    meaning = code.meaning
    body: dict[str, Any] = {
        "type": code.link,
        "title": meaning.text,
        "status": meaning.status if status is None else status,
        "detail": detail or meaning.cause,
        "code": code.value,
        "hint": hint or meaning.hint,
    }
    if request_id is not None:
        body["request_id"] = request_id
    return body | more


def problem_of(error: GatelodgeError, request_id: str | None, /, **more: Any) -> dict[str, Any]:
    """The members of an error; its operators' detail is not among them."""
    return problem(error.code, request_id, **{"status": error.status, "hint": error.public_hint, **more})

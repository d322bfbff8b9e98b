"""The root of every error this project raises on purpose.

An error has one code, a detail for operators and a public text for strangers; the two never mix.
"""

from typing import ClassVar

from gatelodge.core.codes import Code

__all__ = ["GatelodgeError"]


class GatelodgeError(Exception):
    """Base error: ``detail`` is for operators and logs, ``public`` may be shown to anyone."""

    code: ClassVar[Code]
    hint_is_public: ClassVar[bool] = False
    """Whether a hint of its own is about the caller's request, not about what the operator mends."""

    def __init__(self, detail: str, *, hint: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint or self.code.meaning.hint

    @property
    def public(self) -> str:
        """The constant text of the code: it never repeats what a stranger sent."""
        return self.code.meaning.text

    @property
    def public_hint(self) -> str:
        """The next step that a caller may read; what mends the server is its operator's matter."""
        return self.hint if self.hint_is_public else self.code.meaning.hint

    @property
    def shown(self) -> str:
        """What a caller reads who is shown one text: what happened and what to do."""
        return f"{self.public} {self.public_hint}"

    @property
    def status(self) -> int:
        """HTTP status that belongs to the code."""
        return self.code.meaning.status

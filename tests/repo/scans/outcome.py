"""What one scan looked at and what it found."""

from dataclasses import dataclass

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """``looked_at`` is a text with a number ("412 files"); ``skipped`` says why nothing was looked at."""

    name: str
    looked_at: str
    findings: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def state(self) -> str:
        """One word for the report."""
        if self.skipped:
            return "skipped"
        return "failed" if self.findings else "ok"

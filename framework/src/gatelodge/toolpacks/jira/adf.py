"""Markdown to the Atlassian Document Format (ADF) and back.

Invariants: both directions take anything and give a valid document or valid CommonMark; what Markdown can say survives
the way there and back unchanged, the rest becomes plain words (``adf_form``). Only http, https and mailto are links.
Not here: what is done against instructions in a text (``toolpacks.text``).
"""

from typing import Any

from gatelodge.toolpacks.jira.adf_form import tidied
from gatelodge.toolpacks.jira.adf_parse import parsed
from gatelodge.toolpacks.jira.adf_write import written

__all__ = ["to_adf", "to_markdown"]


def to_adf(markdown: str) -> dict[str, Any]:
    """An ADF document of CommonMark with tables and strike-through; HTML stays text."""
    return tidied(parsed(markdown))


def to_markdown(document: object) -> str:
    """CommonMark of an ADF document; "" for what is none."""
    return written(tidied(document))

"""What Jira's tools take: types of arguments, cursors that are places in a list, the fields of a new issue."""

from typing import Annotated, Any

from pydantic import Field

from gatelodge.toolpacks.errors import ArgumentRefused
from gatelodge.toolpacks.jira.adf import to_adf

__all__ = [
    "Cursor",
    "IssueType",
    "Key",
    "Limit",
    "Markdown",
    "ProjectKey",
    "SiteName",
    "fields_of",
    "following",
    "start_of",
]

Key = Annotated[
    str,
    Field(
        description="The issue's key, as results give it, such as ABC-12",
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,254}-[0-9]{1,18}$",
    ),
]
ProjectKey = Annotated[
    str,
    Field(description="The project's key, as list_jira_projects gives it", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,254}$"),
]
SiteName = Annotated[
    str | None,
    Field(
        description="The Jira site, as results give it, or its host name; needed only when the account has several",
        min_length=1,
        max_length=200,
    ),
]
Cursor = Annotated[str | None, Field(description="next_cursor of the last result, unchanged", max_length=2000)]
Limit = Annotated[int, Field(description="Results per page", ge=1, le=50)]
Markdown = Annotated[str, Field(description="Markdown", max_length=30_000)]
IssueType = Annotated[str, Field(description="The type's name in that project", min_length=1, max_length=60)]


def fields_of(
    project: str, title: str, description: str, *, issue_type: str, labels: list[str] | None = None
) -> dict[str, Any]:
    """The fields of a new issue. Raises: ArgumentRefused."""
    if any(" " in label or not label for label in labels or ()):
        raise ArgumentRefused("A label of Jira has no spaces.", hint="Use a hyphen in their place.")
    fields: dict[str, Any] = {
        "project": {"key": project.upper()},
        "issuetype": {"name": issue_type},
        "summary": " ".join(title.split()),
    }
    if description.strip():
        fields["description"] = to_adf(description)
    return fields | ({"labels": labels} if labels else {})


def start_of(cursor: str | None) -> int:
    """Where a page begins. Raises: ArgumentRefused."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 9):
        raise ArgumentRefused("The cursor is none.", hint="Give next_cursor of the last result, unchanged.")
    return int(cursor)


def following(start: int, shown: int, total: int) -> str | None:
    return str(start + shown) if shown and start + shown < total else None

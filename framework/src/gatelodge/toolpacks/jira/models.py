"""What Jira's tools answer, read from Jira's JSON."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from gatelodge.toolpacks.answer import member, records
from gatelodge.toolpacks.jira.adf import to_markdown
from gatelodge.toolpacks.jira.adf_cut import shortened
from gatelodge.toolpacks.jira.sites import Site
from gatelodge.toolpacks.pack import PackResult
from gatelodge.toolpacks.text import BODY, Texts, identifier

__all__ = [
    "ISSUE",
    "NUMBER",
    "PROJECT",
    "AddedComment",
    "Comment",
    "CreatedIssue",
    "Issue",
    "IssuePage",
    "IssueSummary",
    "Project",
    "ProjectPage",
    "Transition",
    "Transitioned",
    "Transitions",
    "comment",
    "document",
    "projects",
    "reference",
    "summary",
    "transition",
]

PROJECT = r"[A-Z][A-Z0-9_]{0,254}"
ISSUE = r"[A-Z][A-Z0-9_]{0,254}-[0-9]{1,18}"
NUMBER = r"[0-9]{1,18}"
# Jira writes its zone without a colon.
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9:]{4,6})?"


class IssueReference(BaseModel):
    """Names an issue to the other tools."""

    key: str = Field(description="Such as ABC-12; give it to the other Jira tools unchanged")
    site: str = Field(description="The Jira site; give it to the other Jira tools unchanged")
    url: str = Field(description="Where a person reads the issue")


class IssueSummary(IssueReference):
    """One issue in a list."""

    summary: str = Field(description="The title; marked text")
    status: str = Field(description="Marked text")
    type: str = Field(description="Marked text")
    priority: str = Field(description="Marked text")
    assignee: str = Field(description="Marked text; empty when nobody is")
    reporter: str = Field(description="Marked text")
    project: str = Field(description="The project's key")
    labels: list[str] = Field(description="Marked texts")
    created_at: str
    updated_at: str


class IssuePage(PackResult):
    """One page of a search. Jira does not say how many issues match."""

    issues: list[IssueSummary]
    next_cursor: str | None = Field(description="Give it as cursor for the next page; null on the last")


class Comment(BaseModel):
    """One comment of an issue."""

    id: str
    author: str = Field(description="Marked text")
    text: str = Field(description="Markdown; marked text")
    created_at: str
    updated_at: str


class Issue(PackResult):
    """One issue with a page of its comments."""

    issue: IssueSummary
    description: str = Field(description="Markdown; marked text")
    comments: list[Comment] = Field(description="Oldest first")
    next_cursor: str | None = Field(description="Give it as cursor for more comments; null when there are none")


class CreatedIssue(PackResult):
    """The issue that was made."""

    issue: IssueReference


class AddedComment(PackResult):
    """The comment that was added."""

    issue: IssueReference
    comment_id: str


class Transition(BaseModel):
    """Something that can be done with an issue now."""

    id: str = Field(description="Give it to transition_jira_issue unchanged")
    name: str = Field(description="Marked text")
    to_status: str = Field(description="The status after it; marked text")
    needs_fields: bool = Field(description="It asks for more, which only Jira's own page can give")


class Transitions(PackResult):
    """All that can be done with an issue now."""

    issue: IssueReference
    transitions: list[Transition]


class Transitioned(PackResult):
    """The transition was done."""

    issue: IssueReference
    transition_id: str


class Project(BaseModel):
    """One project."""

    key: str = Field(description="Give it as project to create_jira_issue, and use it in JQL")
    name: str = Field(description="Marked text")
    site: str = Field(description="The Jira site; give it to the other Jira tools unchanged")


class ProjectPage(PackResult):
    """One page of projects."""

    projects: list[Project]
    next_cursor: str | None = Field(description="Give it as cursor for the next page; null on the last")


def reference(key: object, site: Site) -> IssueReference:
    """An issue at a site."""
    known = identifier(key, ISSUE)
    return IssueReference(key=known, site=site.id, url=f"{site.url}/browse/{known}" if known and site.url else "")


def summary(found: Mapping[str, Any], texts: Texts, site: Site) -> IssueSummary:
    """One issue."""
    fields = member(found, "fields")
    labels = member(fields, "labels")
    return IssueSummary(
        **reference(found.get("key"), site).model_dump(),
        summary=texts.line(member(fields, "summary")),
        status=texts.line(member(fields, "status", "name"), 80),
        type=texts.line(member(fields, "issuetype", "name"), 80),
        priority=texts.line(member(fields, "priority", "name"), 80),
        assignee=texts.line(member(fields, "assignee", "displayName"), 100),
        reporter=texts.line(member(fields, "reporter", "displayName"), 100),
        project=identifier(member(fields, "project", "key"), PROJECT),
        labels=[texts.line(label, 100) for label in labels[:30]] if isinstance(labels, list) else [],
        created_at=_date(member(fields, "created")),
        updated_at=_date(member(fields, "updated")),
    )


def document(found: object, texts: Texts, limit: int = BODY) -> str:
    """An ADF document as marked Markdown. Slow for a long one: call it in a thread."""
    # Markdown is rarely shorter than its text, so what is beyond that would be cut anyway, at a cost.
    cut, left_out = shortened(found, 4 * texts.room(limit))
    return texts.body(to_markdown(cut), limit, left_out=left_out)


def comment(found: Mapping[str, Any], texts: Texts, limit: int) -> Comment:
    """One comment."""
    return Comment(
        id=identifier(found.get("id"), NUMBER),
        author=texts.line(member(found, "author", "displayName"), 100),
        text=document(found.get("body"), texts, limit),
        created_at=_date(found.get("created")),
        updated_at=_date(found.get("updated")),
    )


def transition(found: Mapping[str, Any], texts: Texts) -> Transition:
    """One transition."""
    fields = member(found, "fields")
    asked = fields.values() if isinstance(fields, Mapping) else ()
    return Transition(
        id=identifier(found.get("id"), NUMBER),
        name=texts.line(found.get("name"), 100),
        to_status=texts.line(member(found, "to", "name"), 100),
        needs_fields=any(member(f, "required") is True and member(f, "hasDefaultValue") is not True for f in asked),
    )


def project(found: Mapping[str, Any], texts: Texts, site: Site) -> Project:
    """One project."""
    return Project(key=identifier(found.get("key"), PROJECT), name=texts.line(found.get("name")), site=site.id)


def projects(found: Any, texts: Texts, site: Site) -> list[Project]:
    """The projects of a page."""
    return [project(entry, texts, site) for entry in records(found, "values")]


def _date(value: object) -> str:
    return identifier(value, _DATE)

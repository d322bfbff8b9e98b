"""Jira's tools."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from gatelodge.toolpacks.answer import member, number, records
from gatelodge.toolpacks.jira.arguments import (
    Cursor,
    IssueType,
    Key,
    Limit,
    Markdown,
    ProjectKey,
    SiteName,
    fields_of,
    following,
    start_of,
)
from gatelodge.toolpacks.jira.client import Jira
from gatelodge.toolpacks.jira.models import NUMBER as _NUMBER
from gatelodge.toolpacks.jira.models import (
    AddedComment,
    Comment,
    CreatedIssue,
    Issue,
    IssuePage,
    ProjectPage,
    Transitioned,
    Transitions,
    comment,
    document,
    projects,
    reference,
    summary,
    transition,
)
from gatelodge.toolpacks.pack import Pack, PackContext, PackTool
from gatelodge.toolpacks.text import Texts, identifier

__all__ = ["PACK"]

# A cursor of Jira's own search is its, and handed on as it is.
_PLACE = r"[\x21-\x7e]{1,2000}"


async def search_jira_issues(
    api: PackContext,
    /,
    jql: Annotated[
        str,
        Field(
            description="Jira's query language, with at least one condition: project = ABC AND status != Done ORDER BY "
            "updated DESC",
            min_length=1,
            max_length=5000,
        ),
    ],
    limit: Limit = 20,
    cursor: Cursor = None,
    *,
    site: SiteName = None,
) -> IssuePage:
    """Search Jira issues by JQL. Read one with get_jira_issue."""
    jira, texts = await Jira.at(api, "search_jira_issues", site), api.texts
    found = await jira.search(jql, limit, cursor)
    issues = [summary(entry, texts, jira.site) for entry in records(found, "issues")]
    more = None if member(found, "isLast") is True else identifier(member(found, "nextPageToken"), _PLACE)
    return IssuePage(issues=issues, next_cursor=more or None, notice=texts.notice())


async def get_jira_issue(
    api: PackContext,
    /,
    issue: Key,
    comment_limit: Annotated[int, Field(description="Comments per page; 0 for none", ge=0, le=50)] = 10,
    cursor: Cursor = None,
    *,
    site: SiteName = None,
) -> Issue:
    """Read one Jira issue with its description and comments as Markdown, oldest comment first."""
    start, jira, texts = start_of(cursor), await Jira.at(api, "get_jira_issue", site), api.texts
    found = await jira.issue(issue)
    head = summary(found if isinstance(found, Mapping) else {}, texts, jira.site)
    page = await jira.comments(issue, start, comment_limit) if comment_limit else {}
    description, comments = await asyncio.to_thread(_written, found, page, texts)
    return Issue(
        issue=head,
        description=description,
        comments=comments,
        next_cursor=following(start, len(comments), number(page, "total") or 0),
        notice=texts.notice(),
    )


def _written(found: Any, page: Any, texts: Texts) -> tuple[str, list[Comment]]:
    """What people wrote in an issue and its comments: in a thread, for a stranger's text may be made to take long."""
    description = document(member(found, "fields", "description"), texts)
    return description, [comment(entry, texts, 5000) for entry in records(page, "comments")]


async def create_jira_issue(
    api: PackContext,
    /,
    project: ProjectKey,
    summary: Annotated[str, Field(description="The title, one line", min_length=1, max_length=255)],
    description: Markdown = "",
    *,
    issue_type: IssueType = "Task",
    labels: Annotated[list[str] | None, Field(description="Labels without spaces", max_length=20)] = None,
    site: SiteName = None,
) -> CreatedIssue:
    """Make a new Jira issue. Each call makes one: search first when it may be there already."""
    fields = await asyncio.to_thread(fields_of, project, summary, description, issue_type=issue_type, labels=labels)
    jira = await Jira.at(api, "create_jira_issue", site)
    made = await jira.create(fields)
    return CreatedIssue(issue=reference(member(made, "key"), jira.site), notice=api.texts.notice())


async def comment_on_jira_issue(
    api: PackContext,
    /,
    issue: Key,
    text: Annotated[str, Field(description="Markdown", min_length=1, max_length=30_000)],
    *,
    site: SiteName = None,
) -> AddedComment:
    """Add a comment to a Jira issue. Each call adds one."""
    jira = await Jira.at(api, "comment_on_jira_issue", site)
    made = await jira.add_comment(issue, text)
    return AddedComment(
        issue=reference(issue.upper(), jira.site),
        comment_id=identifier(member(made, "id"), _NUMBER),
        notice=api.texts.notice(),
    )


async def list_jira_transitions(api: PackContext, /, issue: Key, *, site: SiteName = None) -> Transitions:
    """What can be done with a Jira issue now, such as starting or closing it. Do it with transition_jira_issue."""
    jira, texts = await Jira.at(api, "list_jira_transitions", site), api.texts
    found = await jira.transitions(issue)
    return Transitions(
        issue=reference(issue.upper(), jira.site),
        transitions=[transition(entry, texts) for entry in records(found, "transitions")[:50]],
        notice=texts.notice(),
    )


async def transition_jira_issue(
    api: PackContext,
    /,
    issue: Key,
    transition_id: Annotated[str, Field(description="As list_jira_transitions gives it", pattern=r"^[0-9]{1,18}$")],
    *,
    site: SiteName = None,
) -> Transitioned:
    """Move a Jira issue to another status by one of its transitions."""
    jira = await Jira.at(api, "transition_jira_issue", site)
    await jira.transition(issue, transition_id)
    return Transitioned(
        issue=reference(issue.upper(), jira.site), transition_id=transition_id, notice=api.texts.notice()
    )


async def list_jira_projects(
    api: PackContext,
    /,
    words: Annotated[str | None, Field(description="Only projects with this in key or name", max_length=100)] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    *,
    site: SiteName = None,
) -> ProjectPage:
    """List the Jira projects that you can see, by key."""
    start, jira, texts = start_of(cursor), await Jira.at(api, "list_jira_projects", site), api.texts
    found = await jira.projects(words, start, limit)
    listed = projects(found, texts, jira.site)
    last = member(found, "isLast") is True
    total = start + len(listed) if last else number(found, "total") or 0
    return ProjectPage(projects=listed, next_cursor=following(start, len(listed), total), notice=texts.notice())


PACK = Pack(
    name="jira",
    title="Jira",
    provider="jira",
    tools=(
        PackTool(
            search_jira_issues,
            "read",
            "Jira: search issues",
            asks=("search Jira issues", "list my open Jira issues"),
            calls=("POST /search/jql",),
        ),
        PackTool(
            get_jira_issue,
            "read",
            "Jira: read an issue",
            asks=("show a Jira issue", "read the comments of a Jira issue"),
            calls=("GET /issue/{key}", "GET /issue/{key}/comment"),
        ),
        PackTool(
            create_jira_issue,
            "write",
            "Jira: make an issue",
            asks=("create Jira issue", "report a bug in Jira"),
            calls=("POST /issue",),
        ),
        PackTool(
            comment_on_jira_issue,
            "write",
            "Jira: comment on an issue",
            asks=("comment on a Jira issue",),
            calls=("POST /issue/{key}/comment",),
        ),
        PackTool(
            list_jira_transitions,
            "read",
            "Jira: what can be done with an issue",
            asks=("what can I do with this Jira issue",),
            calls=("GET /issue/{key}/transitions",),
        ),
        PackTool(
            transition_jira_issue,
            "write",
            "Jira: change an issue's status",
            asks=("close a Jira issue", "move a Jira issue to In Progress"),
            calls=("POST /issue/{key}/transitions",),
            destructive=True,
        ),
        PackTool(
            list_jira_projects,
            "read",
            "Jira: list projects",
            asks=("list Jira projects",),
            calls=("GET /project/search",),
        ),
    ),
    instructions=(
        "Jira: give key and site of a result to the next Jira tool unchanged. list_jira_projects gives the project "
        "that create_jira_issue takes; list_jira_transitions gives the id that transition_jira_issue takes."
    ),
)

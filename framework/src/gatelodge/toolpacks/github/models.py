"""What GitHub's tools answer, read from GitHub's JSON."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from gatelodge.toolpacks.answer import flag, member, number, records
from gatelodge.toolpacks.pack import PackResult
from gatelodge.toolpacks.text import DATE, WEB, Texts, identifier

__all__ = [
    "LOGIN",
    "REPOSITORY",
    "Comment",
    "CreatedIssue",
    "Issue",
    "IssuePage",
    "IssueSummary",
    "Repository",
    "UserInfo",
    "comment",
    "date",
    "kind",
    "repository",
    "summary",
    "web",
]

# Letters, digits and hyphens; an account that a company manages has an underscore too, a bot ends in "[bot]".
LOGIN = r"[A-Za-z0-9_-]{1,60}(\[bot\])?"
REPOSITORY = r"[A-Za-z0-9_-]{1,60}/[A-Za-z0-9._-]{1,100}"


class Repository(BaseModel):
    """One repository of a user."""

    repository: str = Field(description="owner/name, as the other tools take it")
    description: str = Field(description="Marked text")
    language: str = Field(description="Main language; marked text")
    stars: int
    forks: int
    private: bool
    fork: bool = Field(description="A copy of somebody else's repository")
    archived: bool
    pushed_at: str = Field(description="Last push, ISO 8601")
    url: str


class UserInfo(PackResult):
    """A GitHub account."""

    account: Literal["linked", "named"] = Field(description="Your linked account, or the one that was named")
    username: str = Field(description="As the other tools take it")
    kind: Literal["User", "Organization", "Bot", "other"]
    name: str = Field(description="Marked text")
    bio: str = Field(description="Marked text")
    company: str = Field(description="Marked text")
    location: str = Field(description="Marked text")
    website: str = Field(description="Marked text")
    public_repositories: int
    followers: int
    following: int
    created_at: str
    url: str
    repositories: list[Repository] | None = Field(description="Last pushed first; null when not asked for")
    more_repositories: bool = Field(description="There are more than these; ask with a higher repo_limit (at most 100)")


class IssueSummary(BaseModel):
    """One issue or pull request in a list."""

    repository: str = Field(description="Give it to get_github_issue unchanged")
    number: int = Field(description="Give it to get_github_issue unchanged")
    kind: Literal["issue", "pull_request"]
    state: Literal["open", "closed", "unknown"]
    title: str = Field(description="Marked text")
    author: str
    labels: list[str] = Field(description="Marked texts")
    comment_count: int
    created_at: str
    updated_at: str
    url: str


class IssuePage(PackResult):
    """One page of a search."""

    total: int = Field(description="How many match; of these GitHub gives the first 1000")
    incomplete: bool = Field(description="GitHub ran out of time: there may be more")
    issues: list[IssueSummary]
    next_cursor: str | None = Field(description="Give it as cursor for the next page; null on the last")


class Comment(BaseModel):
    """One comment of an issue."""

    author: str
    text: str = Field(description="Marked text")
    created_at: str
    url: str


class Issue(PackResult):
    """One issue with a page of its comments."""

    issue: IssueSummary
    text: str = Field(description="Marked text")
    assignees: list[str]
    milestone: str = Field(description="Marked text")
    comments: list[Comment] = Field(description="Oldest first")
    next_cursor: str | None = Field(description="Give it as cursor for more comments; null when there are none")


class CreatedIssue(PackResult):
    """The issue that was made."""

    issue: IssueSummary


def web(value: object) -> str:
    """A web address, "" for anything else."""
    return identifier(value, WEB)


def kind(found: Mapping[str, Any]) -> Literal["User", "Organization", "Bot", "other"]:
    """What kind of account it is."""
    known: tuple[Literal["User", "Organization", "Bot"], ...] = ("User", "Organization", "Bot")
    return next((name for name in known if name == found.get("type")), "other")


def repository(found: Mapping[str, Any], texts: Texts) -> Repository:
    """One repository of a list."""
    return Repository(
        repository=identifier(found.get("full_name"), REPOSITORY),
        description=texts.line(found.get("description")),
        language=texts.line(found.get("language"), 60),
        stars=number(found, "stargazers_count") or 0,
        forks=number(found, "forks_count") or 0,
        private=flag(found, "private"),
        fork=flag(found, "fork"),
        archived=flag(found, "archived"),
        pushed_at=date(found, "pushed_at"),
        url=web(found.get("html_url")),
    )


def summary(found: Mapping[str, Any], texts: Texts, name: str = "") -> IssueSummary:
    """One issue; ``name`` is its repository where the answer does not say it."""
    # Of a search only the repository's API address is there: …/repos/owner/name
    parts = str(found.get("repository_url", "")).rsplit("/repos/", 1)
    state = found.get("state")
    return IssueSummary(
        repository=identifier(parts[-1], REPOSITORY) if len(parts) == 2 else name,
        number=number(found, "number") or 0,
        kind="pull_request" if found.get("pull_request") else "issue",
        state="open" if state == "open" else "closed" if state == "closed" else "unknown",
        title=texts.line(found.get("title")),
        author=login(found, "user"),
        labels=[texts.line(label.get("name"), 100) for label in records(found, "labels")[:30]],
        comment_count=number(found, "comments") or 0,
        created_at=date(found, "created_at"),
        updated_at=date(found, "updated_at"),
        url=web(found.get("html_url")),
    )


def comment(found: Mapping[str, Any], texts: Texts, limit: int) -> Comment:
    """One comment of a list."""
    return Comment(
        author=login(found, "user"),
        text=texts.body(found.get("body"), limit),
        created_at=date(found, "created_at"),
        url=web(found.get("html_url")),
    )


def login(found: Mapping[str, Any], who: str) -> str:
    """The user name of a member."""
    return identifier(member(found, who, "login"), LOGIN)


def date(found: Mapping[str, Any], when: str) -> str:
    """A date of GitHub's."""
    return identifier(found.get(when), DATE)

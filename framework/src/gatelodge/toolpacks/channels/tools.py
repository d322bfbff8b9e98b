"""Tools for Slack channels and their Jira projects, and one that makes an issue from a channel."""

import asyncio
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field

from gatelodge.toolpacks.answer import member, records
from gatelodge.toolpacks.channels.projects import ChannelProjects, Workspace
from gatelodge.toolpacks.errors import PackFault
from gatelodge.toolpacks.jira.arguments import IssueType, ProjectKey, SiteName, fields_of
from gatelodge.toolpacks.jira.client import Jira
from gatelodge.toolpacks.jira.models import PROJECT, IssueReference, reference
from gatelodge.toolpacks.pack import Pack, PackContext, PackResult, PackTool
from gatelodge.toolpacks.slack.client import Slack
from gatelodge.toolpacks.slack.models import TEAM, plain
from gatelodge.toolpacks.slack.tools import ChannelId
from gatelodge.toolpacks.text import WEB, clean, identifier

__all__ = ["PACK"]

# Characters of a message that are quoted.
_QUOTED = 8000
_TS = r"^[0-9]{1,12}\.[0-9]{1,9}$"


class Mapped(BaseModel):
    """A channel and the Jira project that its issues go to."""

    channel: str = Field(description="The Slack channel's id")
    project: str = Field(description="The Jira project's key")
    site: str = Field(description="The Jira site of that project")


class MappedPage(PackResult):
    """One page of a workspace's channels that have a project."""

    workspace: str = Field(description="Slack's id of the workspace")
    channels: list[Mapped]
    next_cursor: str | None = Field(description="Give it as cursor for the next page; null on the last")


class MappingChanged(PackResult):
    """What is kept for a channel now."""

    channel: str
    project: str | None = Field(description="The Jira project's key; null when the channel has none")
    changed: bool = Field(description="False when it was so before")


class ChannelIssue(PackResult):
    """The Jira issue that was made from a channel."""

    issue: IssueReference
    project: str
    channel: str
    message_ts: str | None = Field(description="The message that it was made from; give it as thread_ts to reply")


async def set_slack_channel_project(
    api: PackContext, /, channel: ChannelId, project: ProjectKey, *, site: SiteName = None
) -> MappingChanged:
    """Set the Jira project that a Slack channel's issues go to, for everybody of the workspace."""
    tool = "set_slack_channel_project"
    here = await _here(api, tool)
    await here.slack.channel(channel)
    jira = await Jira.at(api.at("jira", "Jira"), tool, site)
    # Asked of Jira, so that nobody maps to a project that is misspelt or that they cannot see.
    key = identifier(member(await jira.project(project.upper()), "key"), PROJECT) or project.upper()
    before = await here.kept.get(here.workspace, channel)
    same = before is not None and (before.project, before.site) == (key, jira.site.id)
    if not same:
        await here.kept.set(here.workspace, channel, key, jira.site.id, by=api.owner.user)
    return MappingChanged(channel=channel, project=key, changed=not same, notice=api.texts.notice())


async def list_slack_channel_projects(
    api: PackContext,
    /,
    limit: Annotated[int, Field(description="Channels per page", ge=1, le=100)] = 50,
    cursor: Annotated[
        str | None, Field(description="next_cursor of the last result, unchanged", pattern=r"^[A-Z][A-Z0-9]{1,30}$")
    ] = None,
) -> MappedPage:
    """List the Slack channels of your workspace that have a Jira project."""
    here = await _here(api, "list_slack_channel_projects")
    found = await here.kept.list(here.workspace, after=cursor or "", limit=limit + 1)
    return MappedPage(
        workspace=here.workspace.id,
        channels=[Mapped(channel=one.channel, project=one.project, site=one.site) for one in found[:limit]],
        next_cursor=found[limit - 1].channel if len(found) > limit else None,
        notice=api.texts.notice(),
    )


async def remove_slack_channel_project(api: PackContext, /, channel: ChannelId) -> MappingChanged:
    """Forget the Jira project of a Slack channel, for everybody of the workspace. Issues stay."""
    here = await _here(api, "remove_slack_channel_project")
    await here.slack.channel(channel)
    removed = await here.kept.remove(here.workspace, channel)
    return MappingChanged(channel=channel, project=None, changed=removed, notice=api.texts.notice())


async def create_issue_from_channel(
    api: PackContext,
    /,
    channel: ChannelId,
    summary: Annotated[str, Field(description="The issue's title, one line", min_length=1, max_length=255)],
    description: Annotated[str, Field(description="Markdown; stands before the message", max_length=20_000)] = "",
    message_ts: Annotated[
        str | None, Field(description="A message's ts, to quote it with a link to it", pattern=_TS)
    ] = None,
    *,
    issue_type: IssueType = "Task",
) -> ChannelIssue:
    """Make a Jira issue in the project of a Slack channel, quoting a message of it. Each call makes one."""
    tool = "create_issue_from_channel"
    here = await _here(api, tool)
    entry = await here.kept.get(here.workspace, channel)
    if entry is None:
        hint = "Set one with set_slack_channel_project, or use create_jira_issue with a project."
        raise PackFault(f"The channel {channel} has no Jira project.", hint=hint)
    quoted = await _quoted(here, channel, message_ts) if message_ts else ""
    text = "\n\n".join(filter(None, (description, quoted)))
    jira = await Jira.at(api.at("jira", "Jira"), tool, entry.site)
    fields = await asyncio.to_thread(fields_of, entry.project, summary, text, issue_type=issue_type)
    made = await jira.create(fields)
    return ChannelIssue(
        issue=reference(member(made, "key"), jira.site),
        project=entry.project,
        channel=channel,
        message_ts=message_ts,
        notice=api.texts.notice(),
    )


@dataclass(frozen=True, slots=True)
class _Here:
    slack: Slack
    workspace: Workspace
    address: str
    kept: ChannelProjects


async def _here(api: PackContext, tool: str) -> _Here:
    """The caller's workspace, as Slack names it. Raises: PackFault, where the server keeps nothing."""
    if api.database is None:
        raise PackFault("This server keeps no Jira projects of channels.", hint="Use create_jira_issue instead.")
    slack = Slack(api, tool)
    account = await slack.account()
    team = identifier(member(account, "team_id"), TEAM)
    if not team:
        raise PackFault("Slack does not say which workspace the account is in.", hint="Link Slack again.")
    address = identifier(member(account, "url"), WEB).rstrip("/")
    return _Here(slack, Workspace(api.owner.tenant, team), address, ChannelProjects(api.database))


async def _quoted(here: _Here, channel: str, ts: str) -> str:
    """A message as a quotation in Markdown, with the way to it. Raises: PackFault, when it is not there."""
    found = records(await here.slack.thread(channel, ts, 15), "messages")
    text = next((plain(entry.get("text")) for entry in found if entry.get("ts") == ts), None)
    if text is None:
        hint = "Take channel and ts of an earlier result, unchanged."
        raise PackFault("There is no such message in that channel.", hint=hint)
    text, _ = clean(text, _QUOTED)
    # A fence takes the text as it is, whatever it holds: nothing of a stranger's message becomes markup in Jira.
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    place = (
        f"[Slack message]({here.address}/archives/{channel}/p{ts.replace('.', '')})"
        if here.address
        else "Slack message"
    )
    return f"{place}:\n\n{fence}\n{text}\n{fence}"


PACK = Pack(
    name="channels",
    title="Slack",
    provider="slack",
    beside=("jira",),
    tools=(
        PackTool(
            set_slack_channel_project,
            "write",
            "Slack and Jira: set a channel's project",
            asks=("send issues of this channel to a Jira project",),
            calls=("POST /auth.test", "POST /conversations.info", "Jira: GET /project/{key}"),
            idempotent=True,
        ),
        PackTool(
            list_slack_channel_projects,
            "read",
            "Slack and Jira: list channels' projects",
            asks=("which Jira projects do our Slack channels have",),
            calls=("POST /auth.test",),
        ),
        PackTool(
            remove_slack_channel_project,
            "write",
            "Slack and Jira: remove a channel's project",
            asks=("forget the Jira project of a channel",),
            calls=("POST /auth.test", "POST /conversations.info"),
            destructive=True,
            idempotent=True,
        ),
        PackTool(
            create_issue_from_channel,
            "write",
            "Slack and Jira: make an issue from a channel",
            asks=("create a Jira issue from a Slack message",),
            calls=("POST /auth.test", "POST /conversations.replies", "Jira: POST /issue"),
        ),
    ),
    instructions="Slack and Jira: create_issue_from_channel takes channel and ts of a Slack message unchanged.",
)

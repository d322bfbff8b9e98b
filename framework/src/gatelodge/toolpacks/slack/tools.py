"""Slack's tools."""

import html
from typing import Annotated, Literal

from pydantic import Field

from gatelodge.toolpacks.answer import member, records
from gatelodge.toolpacks.pack import Pack, PackContext, PackTool
from gatelodge.toolpacks.slack.client import Slack
from gatelodge.toolpacks.slack.models import (
    CHANNEL,
    TS,
    ChannelPage,
    MessagePage,
    PostedMessage,
    channel,
    cursor_of,
    messages,
)
from gatelodge.toolpacks.text import identifier

__all__ = ["PACK", "ChannelId", "Timestamp"]

ChannelId = Annotated[
    str, Field(description="The channel's id, as list_slack_channels gives it", pattern=r"^[A-Z][A-Z0-9]{1,30}$")
]
Timestamp = Annotated[
    str, Field(description="A message's ts, as results give it", pattern=r"^[0-9]{1,12}\.[0-9]{1,9}$")
]
Cursor = Annotated[str | None, Field(description="next_cursor of the last result, unchanged", max_length=1000)]


async def list_slack_channels(
    api: PackContext,
    /,
    limit: Annotated[int, Field(description="Channels per page", ge=1, le=200)] = 50,
    cursor: Cursor = None,
    *,
    include_private: Annotated[bool, Field(description="Also private channels of the linked account")] = True,
    include_archived: Annotated[bool, Field(description="Also archived channels")] = False,
) -> ChannelPage:
    """List Slack channels. Read one with read_slack_channel. A page may be short or empty and another follow."""
    found = await Slack(api, "list_slack_channels").channels(
        limit, cursor, archived=include_archived, private=include_private
    )
    listed = [channel(entry, api.texts) for entry in records(found, "channels")]
    return ChannelPage(channels=listed, next_cursor=cursor_of(found), notice=api.texts.notice())


async def read_slack_channel(
    api: PackContext,
    /,
    channel: ChannelId,
    limit: Annotated[int, Field(description="Messages per page; Slack may give fewer", ge=1, le=100)] = 15,
    cursor: Cursor = None,
) -> MessagePage:
    """Read the messages of a Slack channel, newest first. Replies are in read_slack_thread."""
    found = await Slack(api, "read_slack_channel").history(channel, limit, cursor)
    listed = messages(found, api.texts, channel)
    return MessagePage(messages=listed, next_cursor=cursor_of(found), notice=api.texts.notice())


async def read_slack_thread(
    api: PackContext,
    /,
    channel: ChannelId,
    ts: Timestamp,
    limit: Annotated[int, Field(description="Messages per page; Slack may give fewer", ge=1, le=100)] = 15,
    cursor: Cursor = None,
) -> MessagePage:
    """Read a Slack message and the replies to it, oldest first."""
    found = await Slack(api, "read_slack_thread").thread(channel, ts, limit, cursor)
    listed = messages(found, api.texts, channel)
    return MessagePage(messages=listed, next_cursor=cursor_of(found), notice=api.texts.notice())


async def post_slack_message(
    api: PackContext,
    /,
    channel: ChannelId,
    text: Annotated[
        str,
        Field(
            description="Plain text with Slack's *bold*, _italic_ and `code`; mentions and named links are not made",
            min_length=1,
            max_length=12_000,
        ),
    ],
    thread_ts: Annotated[
        str | None, Field(description="The ts of a message to reply to", pattern=r"^[0-9]{1,12}\.[0-9]{1,9}$")
    ] = None,
    *,
    sender: Annotated[
        Literal["bot", "user"], Field(description="As the app's bot, or as yourself where the link allows that")
    ] = "bot",
) -> PostedMessage:
    """Post a message to a Slack channel or thread. Each call posts one."""
    # Escaped, so that a text from elsewhere calls nobody and hides no address behind other words.
    posted = await Slack(api, "post_slack_message").post(channel, html.escape(text, quote=False), thread_ts, sender)
    return PostedMessage(
        channel=identifier(member(posted, "channel"), CHANNEL) or channel,
        ts=identifier(member(posted, "ts"), TS),
        posted_as="bot" if sender == "bot" or member(posted, "message", "bot_id") else "user",
        notice=api.texts.notice(),
    )


PACK = Pack(
    name="slack",
    title="Slack",
    provider="slack",
    tools=(
        PackTool(
            list_slack_channels,
            "read",
            "Slack: list channels",
            asks=("list Slack channels",),
            calls=("POST /conversations.list",),
        ),
        PackTool(
            read_slack_channel,
            "read",
            "Slack: read a channel",
            asks=("read a Slack channel", "what is new in a Slack channel"),
            calls=("POST /conversations.history",),
        ),
        PackTool(
            read_slack_thread,
            "read",
            "Slack: read a thread",
            asks=("read a Slack thread",),
            calls=("POST /conversations.replies",),
        ),
        PackTool(
            post_slack_message,
            "write",
            "Slack: post a message",
            asks=("post a Slack message", "reply in a Slack thread"),
            calls=("POST /chat.postMessage",),
        ),
    ),
    instructions=(
        "Slack: a message is named by channel and ts; give both to the next tool unchanged. To reply, give ts as "
        "thread_ts."
    ),
)

"""What Slack's tools answer, read from Slack's JSON."""

import html
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from gatelodge.toolpacks.answer import flag, member, number, records
from gatelodge.toolpacks.pack import PackResult
from gatelodge.toolpacks.text import Texts, identifier

__all__ = [
    "CHANNEL",
    "TEAM",
    "TS",
    "Channel",
    "ChannelPage",
    "Message",
    "MessagePage",
    "PostedMessage",
    "channel",
    "cursor_of",
    "message",
    "messages",
    "plain",
]

CHANNEL = r"[A-Z][A-Z0-9]{1,30}"
TEAM = r"[A-Z][A-Z0-9]{1,30}"
TS = r"[0-9]{1,12}\.[0-9]{1,9}"
_USER = r"[A-Z][A-Z0-9]{1,30}"
_CURSOR = r"[\x21-\x7e]{1,1000}"
_MARK = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")


class Channel(BaseModel):
    """One channel."""

    channel: str = Field(description="The channel's id; give it to the other Slack tools unchanged")
    name: str = Field(description="Marked text")
    topic: str = Field(description="Marked text")
    purpose: str = Field(description="Marked text")
    private: bool
    archived: bool
    member: bool = Field(description="Whether the linked account is in it; only then its messages can be read")
    members: int


class ChannelPage(PackResult):
    """One page of channels."""

    channels: list[Channel]
    next_cursor: str | None = Field(description="Give it as cursor for the next page; null on the last")


class Message(BaseModel):
    """One message."""

    channel: str = Field(description="The channel's id; give it to the next tool unchanged")
    ts: str = Field(description="The message's id within its channel; give it to the next tool unchanged")
    thread_ts: str | None = Field(description="The id of the message that it replies to; null outside of threads")
    author: str = Field(description="Slack's id of the user or the bot")
    text: str = Field(description="Marked text")
    replies: int = Field(description="Replies in its thread; read them with read_slack_thread")
    files: list[str] = Field(description="Names of attached files; marked texts")


class MessagePage(PackResult):
    """One page of messages."""

    messages: list[Message]
    next_cursor: str | None = Field(description="Give it as cursor for the next page; null on the last")


class PostedMessage(PackResult):
    """The message that was posted."""

    channel: str = Field(description="The channel's id")
    ts: str = Field(description="The message's id; give it as thread_ts to reply to it")
    posted_as: Literal["bot", "user"] = Field(description="Whose message it is in Slack")


def channel(found: Mapping[str, Any], texts: Texts) -> Channel:
    """One channel."""
    return Channel(
        channel=identifier(found.get("id"), CHANNEL),
        name=texts.line(found.get("name"), 100),
        topic=texts.line(plain(member(found, "topic", "value"))),
        purpose=texts.line(plain(member(found, "purpose", "value"))),
        private=flag(found, "is_private"),
        archived=flag(found, "is_archived"),
        member=flag(found, "is_member"),
        members=number(found, "num_members") or 0,
    )


def message(found: Mapping[str, Any], texts: Texts, place: str) -> Message:
    """One message of a channel."""
    ts = identifier(found.get("ts"), TS)
    thread = identifier(found.get("thread_ts"), TS)
    return Message(
        channel=place,
        ts=ts,
        thread_ts=thread if thread and thread != ts else None,
        author=identifier(found.get("user"), _USER) or identifier(found.get("bot_id"), _USER),
        text=texts.body(plain(found.get("text")), 8000),
        replies=number(found, "reply_count") or 0,
        files=[texts.line(entry.get("name"), 200) for entry in records(found, "files")[:10]],
    )


def messages(found: Any, texts: Texts, place: str) -> list[Message]:
    """The messages of a page."""
    return [message(entry, texts, place) for entry in records(found, "messages")]


def cursor_of(found: Any) -> str | None:
    """The cursor of the next page."""
    return identifier(member(found, "response_metadata", "next_cursor"), _CURSOR) or None


def plain(text: object) -> str:
    """Slack's text without its marks: users and channels as @id and #name, links as words and address."""
    return html.unescape(_MARK.sub(_mark, text)) if isinstance(text, str) else ""


def _mark(found: re.Match[str]) -> str:
    target, label = found[1], found[2] or ""
    match target[:1]:
        case "@":
            return f"@{label or target[1:]}"
        case "#":
            return f"#{label or target[1:]}"
        case "!":
            return f"@{label.lstrip('@') or target[1:]}"
        case _:
            return f"{label} ({target})" if label and label != target else target

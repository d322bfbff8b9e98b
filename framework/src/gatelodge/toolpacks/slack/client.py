"""The calls of Slack's Web API that the tools make; each gives JSON as Slack sent it.

All are POSTs of a form, reads too: Slack takes both ways, and so nothing of a read is in an address that is logged.
Slack's refusals come with status 200 and a name, so this module says what the names mean.
"""

from typing import Any, Literal

from gatelodge.connections.api_errors import ApiRefused
from gatelodge.toolpacks.errors import PackFault
from gatelodge.toolpacks.pack import PackContext

__all__ = ["Slack"]

_NO_ACCESS = "Invite the app, or link an account that is in the channel."
_REFUSALS = {
    "channel_not_found": ("knows no such channel, or the linked account may not see it.", "List the channels first."),
    "not_in_channel": ("says that the linked account is not in that channel.", _NO_ACCESS),
    "is_archived": ("says that the channel is archived.", "Choose another channel."),
    "thread_not_found": ("knows no such message there.", "Take channel and ts of an earlier result, unchanged."),
    "message_not_found": ("knows no such message there.", "Take channel and ts of an earlier result, unchanged."),
    "invalid_cursor": ("does not know that cursor.", "Give next_cursor of the last result, or start again."),
    "msg_too_long": ("says that the message is too long.", "Send it in parts."),
    "no_text": ("says that the message is empty.", "Give some text."),
    "missing_scope": (
        "says that the app has no permission for this.",
        "Link Slack again; the operator sets the scopes.",
    ),
    "restricted_action": ("says that the workspace does not allow this.", "Ask an administrator of the workspace."),
    "channel_type_not_supported": ("does not do this in that kind of channel.", "Choose another channel."),
}


class Slack:
    """Slack for one call of ``tool``."""

    def __init__(self, api: PackContext, tool: str) -> None:
        self._api, self._tool = api, tool

    async def account(self) -> Any:
        """Workspace and user of the link."""
        return await self._call("/auth.test", {})

    async def channels(self, limit: int, cursor: str | None, *, archived: bool, private: bool) -> Any:
        """Channels that the linked account may see."""
        return await self._call(
            "/conversations.list",
            _page(limit, cursor)
            | {
                "types": "public_channel,private_channel" if private else "public_channel",
                "exclude_archived": "false" if archived else "true",
            },
        )

    async def channel(self, channel: str) -> Any:
        """One channel."""
        return await self._call("/conversations.info", {"channel": channel})

    async def history(self, channel: str, limit: int, cursor: str | None) -> Any:
        """Messages of a channel, newest first, without replies in threads."""
        return await self._call("/conversations.history", {"channel": channel} | _page(limit, cursor))

    async def thread(self, channel: str, ts: str, limit: int, cursor: str | None = None) -> Any:
        """A message and the replies to it, oldest first."""
        return await self._call("/conversations.replies", {"channel": channel, "ts": ts} | _page(limit, cursor))

    async def post(self, channel: str, text: str, thread: str | None, sender: Literal["bot", "user"]) -> Any:
        """Post a message; never sent twice."""
        given = {"channel": channel, "text": text} | ({"thread_ts": thread} if thread else {})
        return await self._call("/chat.postMessage", given, reads=False, credential=sender)

    async def _call(
        self, path: str, form: dict[str, str], *, reads: bool = True, credential: Literal["bot", "user"] = "user"
    ) -> Any:
        try:
            return await self._api.call(self._tool, "POST", path, form=form, reads=reads, credential=credential)
        except PackFault as error:
            cause = error.__cause__
            known = _REFUSALS.get(cause.error) if isinstance(cause, ApiRefused) else None
            if known is None:
                raise
            raise PackFault(f"Slack {known[0]}", hint=known[1], provider_status=error.provider_status) from cause


def _page(limit: int, cursor: str | None) -> dict[str, str]:
    return {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})

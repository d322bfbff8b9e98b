"""Slack, Web API: channels, messages, users. Slack takes reads by GET or by POST with a form, writes as JSON."""

from gatelodge.proxy.rule import Rule, get, write

__all__ = ["RULES"]

_READS = (
    "/auth.test",
    "/conversations.list",
    "/conversations.info",
    "/conversations.history",
    "/conversations.replies",
    "/conversations.members",
    "/users.info",
    "/users.list",
    "/users.lookupByEmail",
    "/users.profile.get",
    "/search.messages",
    "/reactions.get",
)

RULES: tuple[Rule, ...] = (
    *get(*_READS),
    *(Rule("POST", template, reads=True, form=True) for template in _READS),
    *write("POST", "/chat.postMessage", "/chat.update", "/reactions.add", "/reactions.remove", "/conversations.join"),
)

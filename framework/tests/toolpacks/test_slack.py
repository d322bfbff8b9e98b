"""Slack's tools: what they ask for, what they answer, and what Slack's names for errors become."""

from typing import Any

import pytest
from pack_calls import Calls
from pydantic import ValidationError
from scripted_provider import ScriptedProvider

from gatelodge.toolpacks.errors import LinkAgainRequired, PackFault, ProviderBusy
from gatelodge.toolpacks.slack.models import plain
from gatelodge.toolpacks.slack.tools import PACK

HISTORY = "/api/conversations.history"
POST = "/api/chat.postMessage"


@pytest.fixture
async def linked(calls: Calls) -> Calls:
    await calls.link("slack", {"access_token": "xoxb-bot", "user_access_token": "xoxp-alice"})
    return calls


async def test_channels_come_in_pages(linked: Calls, provider: ScriptedProvider) -> None:
    listed = {"id": "C01ABCD", "name": "general", "is_member": True, "num_members": 3, "topic": {"value": "talk"}}
    provider.will(
        "/api/conversations.list",
        (200, {"ok": True, "channels": [listed], "response_metadata": {"next_cursor": "dGVhbTpDMDI="}}),
        (200, {"ok": True, "channels": [], "response_metadata": {"next_cursor": ""}}),
    )
    found = await linked.call(PACK, "list_slack_channels", limit=1)
    assert (found["channels"][0]["channel"], found["channels"][0]["member"]) == ("C01ABCD", True)
    assert "talk" in found["channels"][0]["topic"]
    last = await linked.call(PACK, "list_slack_channels", cursor=found["next_cursor"], include_private=False)
    assert last["next_cursor"] is None
    first, second = provider.asked
    assert first.method == "POST"
    assert first.fields["types"] == "public_channel,private_channel"
    assert (second.fields["cursor"], second.fields["types"]) == ("dGVhbTpDMDI=", "public_channel")


async def test_messages_are_read_as_words_with_ids_for_the_next_tool(linked: Calls, provider: ScriptedProvider) -> None:
    said = {
        "ts": "1700000000.000100",
        "thread_ts": "1700000000.000100",
        "user": "U01",
        "reply_count": 2,
        "text": "<@U02> see <https://a.example|this> &lt;b&gt;",
        "files": [{"name": "a.png"}],
    }
    provider.will(HISTORY, (200, {"ok": True, "messages": [said]}))
    found = await linked.call(PACK, "read_slack_channel", channel="C01ABCD")
    message = found["messages"][0]
    assert (message["channel"], message["ts"], message["thread_ts"]) == ("C01ABCD", "1700000000.000100", None)
    assert (message["author"], message["replies"]) == ("U01", 2)
    assert "@U02 see this (https[:]//a.example)" in message["text"]
    reply = said | {"ts": "1700000001.000100", "bot_id": "B01", "user": None}
    provider.will("/api/conversations.replies", (200, {"ok": True, "messages": [said, reply]}))
    thread = await linked.call(PACK, "read_slack_thread", channel="C01ABCD", ts=message["ts"])
    assert thread["messages"][1]["thread_ts"] == message["ts"]
    assert thread["messages"][1]["author"] == "B01"
    assert provider.asked[-1].fields["ts"] == message["ts"]


@pytest.mark.parametrize(("sender", "token"), [("bot", "xoxb-bot"), ("user", "xoxp-alice")])
async def test_a_message_goes_out_as_the_bots_or_as_the_users_own(
    linked: Calls, provider: ScriptedProvider, sender: str, token: str
) -> None:
    provider.will(POST, (200, {"ok": True, "channel": "C01ABCD", "ts": "1.2", "message": {}}))
    posted = await linked.call(PACK, "post_slack_message", channel="C01ABCD", text="hello", sender=sender)
    assert (posted["ts"], posted["posted_as"]) == ("1.2", sender)
    assert provider.asked[0].headers["authorization"] == f"Bearer {token}"


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_slack_channels", {}),
        ("read_slack_channel", {"channel": "CPRIVATE1"}),
        ("read_slack_thread", {"channel": "CPRIVATE1", "ts": "1.1"}),
        ("post_slack_message", {"channel": "CPRIVATE1", "text": "x", "sender": "user"}),
    ],
)
async def test_the_bot_reads_for_nobody_and_an_old_link_without_a_token_of_the_users_own_is_made_again(
    calls: Calls, provider: ScriptedProvider, tool: str, arguments: dict[str, Any]
) -> None:
    await calls.link("slack", {"access_token": "xoxb-bot"})
    provider.will(POST, (200, {"ok": True, "channel": "CPRIVATE1", "ts": "1.2", "message": {"bot_id": "B01"}}))
    assert (await calls.call(PACK, "post_slack_message", channel="CPRIVATE1", text="x"))["posted_as"] == "bot"
    with pytest.raises(LinkAgainRequired) as told:
        await calls.call(PACK, tool, **arguments)
    assert told.value.url.endswith("link=slack")
    assert len(provider.asked) == 1, "nothing was read with the bot's token"


async def test_a_message_calls_nobody_and_hides_no_address(linked: Calls, provider: ScriptedProvider) -> None:
    provider.will(POST, (200, {"ok": True, "channel": "C01ABCD", "ts": "1.2"}))
    text = '<!channel> <@U02> <https://evil.example|bank> "x" & y'
    await linked.call(PACK, "post_slack_message", channel="C01ABCD", text=text, thread_ts="1.1")
    sent = provider.asked[0].fields
    assert "<" not in sent["text"]
    assert sent["text"].startswith("&lt;!channel&gt;")
    assert sent["thread_ts"] == "1.1"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"error": "channel_not_found"}, "List the channels first"),
        ({"error": "not_in_channel"}, "Invite the app"),
        ({"error": "missing_scope", "needed": "channels:history"}, "no permission"),
        ({"error": "something_new"}, "something_new"),
    ],
)
async def test_slacks_refusal_in_a_200_says_what_to_do(
    linked: Calls, provider: ScriptedProvider, error: dict[str, Any], words: str
) -> None:
    provider.will(HISTORY, (200, {"ok": False} | error))
    with pytest.raises(PackFault) as refused:
        await linked.call(PACK, "read_slack_channel", channel="C01ABCD")
    assert words in refused.value.shown


@pytest.mark.parametrize(
    "answer", [(429, {"ok": False, "error": "ratelimited"}), (200, {"ok": False, "error": "ratelimited"})]
)
async def test_slacks_limit_is_told_with_the_wait(linked: Calls, provider: ScriptedProvider, answer: Any) -> None:
    provider.headers["retry-after"] = "17"
    provider.will(HISTORY, answer)
    with pytest.raises(ProviderBusy) as busy:
        await linked.call(PACK, "read_slack_channel", channel="C01ABCD")
    assert busy.value.retry_after == 17
    assert "17 s" in busy.value.shown


async def test_a_dead_token_asks_for_a_new_link(linked: Calls, provider: ScriptedProvider) -> None:
    provider.will(HISTORY, (200, {"ok": False, "error": "token_revoked"}))
    with pytest.raises(LinkAgainRequired):
        await linked.call(PACK, "read_slack_channel", channel="C01ABCD")


async def test_a_failed_post_is_not_repeated(linked: Calls, provider: ScriptedProvider) -> None:
    provider.will(POST, (503, {}))
    with pytest.raises(PackFault, match="does not answer"):
        await linked.call(PACK, "post_slack_message", channel="C01ABCD", text="x")
    assert len(provider.asked) == 1


@pytest.mark.parametrize("channel", ["general", "#general", "C01/../x", "C01\n"])
async def test_a_channel_is_given_by_its_id(linked: Calls, channel: str) -> None:
    with pytest.raises(ValidationError):
        await linked.call(PACK, "read_slack_channel", channel=channel)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<#C01|general> <!here> <!subteam^S1|@team>", "#general @here @team"),
        ("<https://a.example>", "https://a.example"),
        ("<https://a.example|https://a.example>", "https://a.example"),
        ("a &amp;lt; b", "a &lt; b"),
        ("&lt;@U01&gt;", "<@U01>"),
        (None, ""),
    ],
)
def test_slacks_marks_become_words(text: Any, expected: str) -> None:
    assert plain(text) == expected

"""Slack channels and their Jira projects: kept for each workspace on either database, and issues made from channels."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from databases import database_config, postgres
from pack_calls import Calls
from scripted_provider import ScriptedProvider

from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database
from gatelodge.storage.migrations import migrate
from gatelodge.testing.clock import ManualClock
from gatelodge.toolpacks.channels.projects import ChannelProject, ChannelProjects, Workspace
from gatelodge.toolpacks.channels.tools import PACK
from gatelodge.toolpacks.errors import LinkRequired, PackFault

__all__ = ["database_config", "postgres"]

HERE = Workspace("https://as.example", "T1")
SITE = {"cloud_id": "cloud-1", "site_url": "https://one.atlassian.net"}
JIRA = "/ex/jira/cloud-1/rest/api/3"
TS = "1700000000.000100"


@pytest.fixture
async def db(database_config: DatabaseConfig) -> AsyncIterator[Database]:
    opened = await open_database(database_config)
    await migrate(opened)
    yield opened
    await opened.aclose()


async def test_an_entry_is_set_replaced_listed_and_removed(db: Database) -> None:
    clock = ManualClock()
    kept = ChannelProjects(db, clock)
    await kept.set(HERE, "C1", "ABC", "cloud-1", by="alice")
    await kept.set(HERE, "C1", "DEF", "cloud-2", by="bob")
    await kept.set(HERE, "C2", "ABC", "cloud-1", by="alice")
    assert await kept.get(HERE, "C1") == ChannelProject("C1", "DEF", "cloud-2", clock.now())
    assert [one.channel for one in await kept.list(HERE)] == ["C1", "C2"]
    assert [one.channel for one in await kept.list(HERE, after="C1", limit=1)] == ["C2"]
    assert await kept.remove(HERE, "C1") is True
    assert await kept.remove(HERE, "C1") is False
    assert await kept.get(HERE, "C1") is None


@pytest.mark.parametrize("other", [Workspace("https://as.example", "T2"), Workspace("https://other.example", "T1")])
async def test_a_workspace_does_not_see_anothers_entries(db: Database, other: Workspace) -> None:
    kept = ChannelProjects(db)
    await kept.set(HERE, "C1", "ABC", "cloud-1", by="alice")
    assert await kept.get(other, "C1") is None
    assert await kept.list(other) == []
    assert await kept.remove(other, "C1") is False
    assert await kept.get(HERE, "C1") is not None


@pytest.fixture
async def linked(calls: Calls, provider: ScriptedProvider) -> Calls:
    await calls.link("slack", {"access_token": "xoxb-bot", "user_access_token": "xoxp-own"})
    await calls.link("jira", {"access_token": "ey.alice"}, extra=SITE)
    provider.will("/api/auth.test", (200, {"ok": True, "team_id": "T1", "url": "https://example.slack.com/"}))
    provider.will("/api/conversations.info", (200, {"ok": True, "channel": {"id": "C1"}}))
    provider.will(f"{JIRA}/project/ABC", (200, {"key": "ABC"}))
    provider.will(f"{JIRA}/issue", (201, {"key": "ABC-7"}))
    return calls


def issue_of(provider: ScriptedProvider) -> Any:
    (asked,) = [asked for asked in provider.asked if asked.url.endswith("/issue")]
    return json.loads(asked.body)["fields"]


async def test_a_channels_issue_goes_to_its_project_and_quotes_the_message(
    linked: Calls, provider: ScriptedProvider
) -> None:
    changed = await linked.call(PACK, "set_slack_channel_project", channel="C1", project="abc")
    assert (changed["project"], changed["changed"]) == ("ABC", True)
    again = await linked.call(PACK, "set_slack_channel_project", channel="C1", project="ABC")
    assert again["changed"] is False
    listed = await linked.call(PACK, "list_slack_channel_projects")
    assert listed["workspace"] == "T1"
    assert listed["channels"] == [{"channel": "C1", "project": "ABC", "site": "cloud-1"}]
    said = "![x](https://evil.example) ``` # no heading\u202e"
    provider.will("/api/conversations.replies", (200, {"ok": True, "messages": [{"ts": TS, "text": said}]}))
    made = await linked.call(
        PACK, "create_issue_from_channel", channel="C1", summary="It breaks", description="**why**", message_ts=TS
    )
    assert made["issue"]["key"] == "ABC-7"
    assert (made["issue"]["site"], made["channel"], made["message_ts"]) == ("cloud-1", "C1", TS)
    fields = issue_of(provider)
    assert fields["project"] == {"key": "ABC"}
    why, link, quoted = fields["description"]["content"]
    assert why["content"][0]["marks"] == [{"type": "strong"}]
    assert link["content"][0]["marks"][0]["attrs"]["href"] == "https://example.slack.com/archives/C1/p1700000000000100"
    assert quoted["type"] == "codeBlock"
    assert quoted["content"][0]["text"] == "![x](https://evil.example) ``` # no heading"


async def test_the_list_comes_in_pages(linked: Calls, provider: ScriptedProvider) -> None:
    for channel in ("C1", "C2", "C3"):
        await linked.call(PACK, "set_slack_channel_project", channel=channel, project="ABC")
    first = await linked.call(PACK, "list_slack_channel_projects", limit=2)
    assert [one["channel"] for one in first["channels"]] == ["C1", "C2"]
    last = await linked.call(PACK, "list_slack_channel_projects", limit=2, cursor=first["next_cursor"])
    assert ([one["channel"] for one in last["channels"]], last["next_cursor"]) == (["C3"], None)


async def test_a_channel_without_a_project_says_how_to_set_one(linked: Calls, provider: ScriptedProvider) -> None:
    await linked.call(PACK, "set_slack_channel_project", channel="C1", project="ABC")
    assert (await linked.call(PACK, "remove_slack_channel_project", channel="C1"))["changed"] is True
    assert (await linked.call(PACK, "remove_slack_channel_project", channel="C1"))["changed"] is False
    with pytest.raises(PackFault, match="no Jira project") as missing:
        await linked.call(PACK, "create_issue_from_channel", channel="C1", summary="x")
    assert "set_slack_channel_project" in missing.value.shown
    assert not [asked for asked in provider.asked if asked.url.endswith("/issue")]


async def test_only_who_sees_channel_and_project_sets_one(linked: Calls, provider: ScriptedProvider) -> None:
    provider.will(f"{JIRA}/project/NONE", (404, {"errorMessages": ["No project could be found"]}))
    with pytest.raises(PackFault, match="has nothing there"):
        await linked.call(PACK, "set_slack_channel_project", channel="C1", project="NONE")
    provider.will("/api/conversations.info", (200, {"ok": False, "error": "channel_not_found"}))
    for tool, more in (("set_slack_channel_project", {"project": "ABC"}), ("remove_slack_channel_project", {})):
        with pytest.raises(PackFault, match="no such channel"):
            await linked.call(PACK, tool, channel="C1", **more)
    assert (await linked.call(PACK, "list_slack_channel_projects"))["channels"] == []


async def test_a_message_that_is_not_there_makes_no_issue(linked: Calls, provider: ScriptedProvider) -> None:
    await linked.call(PACK, "set_slack_channel_project", channel="C1", project="ABC")
    provider.will("/api/conversations.replies", (200, {"ok": True, "messages": [{"ts": "1.1", "text": "other"}]}))
    with pytest.raises(PackFault, match="no such message"):
        await linked.call(PACK, "create_issue_from_channel", channel="C1", summary="x", message_ts=TS)
    assert not [asked for asked in provider.asked if asked.url.endswith("/issue")]


async def test_another_user_needs_an_own_jira_account(linked: Calls, provider: ScriptedProvider) -> None:
    await linked.call(PACK, "set_slack_channel_project", channel="C1", project="ABC")
    linked.user = "bob"
    await linked.link("slack", {"access_token": "xoxb-bot", "user_access_token": "xoxp-own"})
    with pytest.raises(LinkRequired) as missing:
        await linked.call(PACK, "create_issue_from_channel", channel="C1", summary="x")
    assert missing.value.title == "Jira"
    assert missing.value.url.endswith("link=jira")


async def test_a_server_without_storage_says_so(linked: Calls, provider: ScriptedProvider) -> None:
    linked.database = None
    with pytest.raises(PackFault, match="keeps no Jira projects"):
        await linked.call(PACK, "list_slack_channel_projects")
    linked.database = linked.vault.db
    provider.will("/api/auth.test", (200, {"ok": True}))
    with pytest.raises(PackFault, match="which workspace"):
        await linked.call(PACK, "list_slack_channel_projects")

"""Tools that go on from each other's results: from a Slack message to a Jira issue to a Notion page.

Slack is emulate, which keeps what is posted. Jira and Notion are Prism with the providers' own OpenAPI files: it refuses
what they do not allow, and answers their examples. Notion's file has none, so its pages are written here.
"""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from oauth_servers import emulated
from pack_calls import Calls, calling
from prism import prism
from routed import Routed
from scripted_provider import CLIENT
from vaults import new_keyring, open_vault

from gatelodge.connections.api_errors import ApiRefused
from gatelodge.outbound.client import Outbound
from gatelodge.storage.config import DatabaseConfig
from gatelodge.toolpacks.channels.tools import PACK as CHANNELS
from gatelodge.toolpacks.errors import PackFault
from gatelodge.toolpacks.jira.tools import PACK as JIRA
from gatelodge.toolpacks.notion.tools import PACK as NOTION
from gatelodge.toolpacks.slack.tools import PACK as SLACK

SITE = {"id": "11223344-a1b2-3b33-c444-def123456789", "url": "https://example.atlassian.net", "name": "example"}
JIRA_PATHS = tuple(
    "/rest/api/3/" + path
    for path in (
        "search/jql",
        "issue",
        "issue/{issueIdOrKey}",
        "issue/{issueIdOrKey}/comment",
        "issue/{issueIdOrKey}/transitions",
        "project/{projectIdOrKey}",
        "project/search",
    )
)
NOTION_PATHS = (
    "/v1/search",
    "/v1/pages",
    "/v1/pages/{page_id}",
    "/v1/pages/{page_id}/markdown",
    "/v1/data_sources/{data_source_id}/query",
)
PAGE = "59833787-2cf9-4fdf-8782-e53db20768a5"
PARENT = "59833787-2cf9-4fdf-8782-e53db20768a6"


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("specified")
    with (
        emulated("slack") as (slack,),
        prism("jira", folder, *JIRA_PATHS) as jira,
        prism("notion", folder, *NOTION_PATHS) as notion,
    ):
        yield {
            "https://slack.com": slack,
            f"https://api.atlassian.com/ex/jira/{SITE['id']}": jira,
            "https://api.notion.com": notion,
        }


@pytest.fixture
async def calls(stand_ins: dict[str, str], tmp_path: Path) -> AsyncIterator[Calls]:
    """A user who has linked all three."""
    made = dict[str, Any]()

    def create(request: httpx2.Request) -> object:
        made.update(json.loads(request.content))
        return page(request)

    def page(request: httpx2.Request) -> object:
        title = [{"plain_text": run["text"]["content"]} for run in made["properties"]["title"]["title"]]
        return {"object": "page", "id": PAGE, "properties": {"title": {"type": "title", "title": title}}}

    routed = Routed(
        stand_ins,
        {
            ("POST", "https://api.notion.com/v1/pages"): create,
            ("GET", f"https://api.notion.com/v1/pages/{PAGE}"): page,
            ("GET", f"https://api.notion.com/v1/pages/{PAGE}/markdown"): lambda _: {"markdown": made["markdown"]},
        },
    )
    vault = await open_vault(DatabaseConfig(f"sqlite:///{tmp_path / 'vault' / 'test.db'}"), new_keyring())
    outbound = Outbound(timeout=60, max_bytes=4 << 20, transport=routed)
    async with calling(vault, outbound, dict.fromkeys(("slack", "jira", "notion"), CLIENT)) as opened:
        await opened.link("slack", {"access_token": "xoxb-emulated", "user_access_token": "xoxp-emulated"})
        await opened.link(
            "jira", {"access_token": "ey.specified"}, extra={"cloud_id": SITE["id"], "site_url": SITE["url"]}
        )
        await opened.link("notion", {"access_token": "ntn_specified"})
        yield opened
    await vault.aclose()


async def test_a_message_becomes_an_issue_becomes_a_page_by_ids_alone(calls: Calls) -> None:
    channels = await calls.call(SLACK, "list_slack_channels")
    channel = channels["channels"][0]["channel"]
    await calls.call(SLACK, "post_slack_message", channel=channel, text="The <b>login</b> page is blank & slow")
    (message,) = (await calls.call(SLACK, "read_slack_channel", channel=channel, limit=1))["messages"]
    assert "page is blank & slow" in message["text"]

    await calls.call(CHANNELS, "set_slack_channel_project", channel=message["channel"], project="EX")
    made = await calls.call(
        CHANNELS,
        "create_issue_from_channel",
        channel=message["channel"],
        message_ts=message["ts"],
        summary="The login page is blank",
    )
    issue = made["issue"]
    assert (issue["key"], issue["url"]) == ("ED-24", "https://example.atlassian.net/browse/ED-24")

    read = await calls.call(JIRA, "get_jira_issue", issue=issue["key"], site=issue["site"])
    assert read["issue"]["site"] == issue["site"]
    content = f"# Login\n\nSee [{issue['key']}]({issue['url']})."
    created = await calls.call(NOTION, "create_notion_page", title="Login", markdown=content, parent_page=PARENT)
    page = await calls.call(NOTION, "get_notion_page", page=created["page"]["id"])
    assert issue["key"] in page["markdown"]
    assert "Login" in page["page"]["title"]

    reply = {"channel": made["channel"], "thread_ts": made["message_ts"], "text": issue["url"]}
    posted = await calls.call(SLACK, "post_slack_message", **reply)
    thread = await calls.call(SLACK, "read_slack_thread", channel=message["channel"], ts=message["ts"])
    assert [entry["ts"] for entry in thread["messages"]] == [message["ts"], posted["ts"]]
    assert "example.atlassian.net/browse/ED-24" in thread["messages"][1]["text"]


async def test_slack_pages_its_channels_and_refuses_what_is_not_there(calls: Calls) -> None:
    seen, cursor = list[str](), None
    while not seen or cursor:
        found = await calls.call(SLACK, "list_slack_channels", limit=1, cursor=cursor)
        seen += [entry["channel"] for entry in found["channels"]]
        cursor = found["next_cursor"]
    assert len(seen) == len(set(seen)) > 1
    with pytest.raises(PackFault, match="knows no such channel"):
        await calls.call(SLACK, "read_slack_channel", channel="C0NOTHERE")


async def test_every_call_of_jira_fits_its_own_description(calls: Calls) -> None:
    found = await calls.call(JIRA, "search_jira_issues", jql="project = ED")
    first = found["issues"][0]
    assert first["key"] == "ED-1"
    read = await calls.call(JIRA, "get_jira_issue", issue=first["key"], site=first["site"])
    assert "Lorem ipsum" in read["comments"][0]["text"]
    assert read["comments"][0]["created_at"]
    projects = await calls.call(JIRA, "list_jira_projects", limit=2, words="ex")
    assert projects["projects"][0]["key"] == "EX"
    assert projects["next_cursor"] == "2"
    made = await calls.call(
        JIRA,
        "create_jira_issue",
        project=projects["projects"][0]["key"],
        summary="x",
        description="# a\n\n| b |\n| - |\n| c |",
        labels=["d"],
    )
    key = made["issue"]["key"]
    added = await calls.call(JIRA, "comment_on_jira_issue", issue=key, text="**a**")
    assert added["comment_id"] == "10000"
    moves = await calls.call(JIRA, "list_jira_transitions", issue=key)
    await calls.call(JIRA, "transition_jira_issue", issue=key, transition_id=moves["transitions"][0]["id"])


async def test_the_description_refuses_a_call_that_does_not_fit(calls: Calls) -> None:
    # Else the tests beside this one would show nothing.
    wrong = {"jql": "project = ED", "maxResults": "many"}
    with pytest.raises(ApiRefused):
        await calls.upstream.send(
            calls.owner("jira"), "jira", "POST", "/rest/api/3/search/jql", json=wrong, reads=True, purpose="test"
        )


async def test_every_call_of_notion_fits_its_own_description(calls: Calls) -> None:
    found = await calls.call(NOTION, "search_notion", words="x", kind="data_source", cursor=PAGE)
    assert (found["results"], found["next_cursor"]) == ([], None)
    assert (await calls.call(NOTION, "list_notion_pages"))["results"] == []
    rows = await calls.call(
        NOTION,
        "query_notion_data_source",
        data_source=PAGE,
        conditions={"property": "Done", "checkbox": {"equals": True}},
        sorts=[{"property": "Name", "direction": "ascending"}],
    )
    assert rows["rows"] == []
    read = await calls.call(NOTION, "get_notion_page", page=PARENT)
    assert "string" in read["markdown"]

"""Jira's tools: what they ask for, what they answer, and what they say when it cannot be done."""

import json
from typing import Any

import pytest
from pack_calls import LINK, Calls
from pydantic import ValidationError
from scripted_provider import ScriptedProvider

from gatelodge.toolpacks.errors import ArgumentRefused, LinkAgainRequired, LinkRequired, PackFault, ProviderBusy
from gatelodge.toolpacks.jira.tools import PACK

ONE = {"id": "cloud-1", "url": "https://one.atlassian.net", "name": "one"}
TWO = {"id": "cloud-2", "url": "https://two.atlassian.net", "name": "two"}
API = "/ex/jira/cloud-1/rest/api/3"
ISSUE = {
    "key": "ABC-1",
    "fields": {
        "summary": "It breaks",
        "status": {"name": "To Do"},
        "issuetype": {"name": "Bug"},
        "assignee": {"displayName": "Mia"},
        "project": {"key": "ABC"},
        "labels": ["x"],
        "created": "2026-01-02T03:04:05.000+0000",
        "description": {
            "type": "doc",
            "version": 1,
            "content": [{"type": "paragraph", "content": [{"type": "text", "text": "see", "marks": [{"type": "em"}]}]}],
        },
    },
}


def link_of(*sites: dict[str, str]) -> dict[str, str]:
    """What the link keeps of the sites at which the user was found."""
    known = [{"cloud_id": site["id"], "site_url": site["url"]} for site in sites]
    return {**known[0], "sites": json.dumps(known)}


@pytest.fixture
async def linked(calls: Calls, provider: ScriptedProvider) -> Calls:
    await calls.link("jira", {"access_token": "ey.alice"}, extra=link_of(ONE))
    # The app has another site, at which this user is unknown.
    provider.will("/oauth/token/accessible-resources", (200, [ONE, TWO]))
    return calls


def bodies(provider: ScriptedProvider, path: str) -> list[Any]:
    return [json.loads(asked.body) for asked in provider.asked if asked.url.split("?")[0].endswith(path)]


async def test_a_search_gives_keys_sites_and_the_next_page(linked: Calls, provider: ScriptedProvider) -> None:
    provider.will(f"{API}/search/jql", (200, {"issues": [ISSUE], "nextPageToken": "Ch0jU3RyaW5n=="}))
    found = await linked.call(PACK, "search_jira_issues", jql="project = ABC", limit=5)
    first = found["issues"][0]
    assert (first["key"], first["site"], first["project"]) == ("ABC-1", "cloud-1", "ABC")
    assert first["url"] == "https://one.atlassian.net/browse/ABC-1"
    assert "It breaks" in first["summary"]
    assert first["summary"].startswith(found["notice"]["opens"])
    provider.will(f"{API}/search/jql", (200, {"issues": [], "isLast": True, "nextPageToken": "x"}))
    last = await linked.call(PACK, "search_jira_issues", jql="project = ABC", limit=5, cursor=found["next_cursor"])
    assert last["next_cursor"] is None
    asked = bodies(provider, "/search/jql")
    assert "nextPageToken" not in asked[0]
    assert asked[0]["maxResults"] == 5
    assert "summary" in asked[0]["fields"]
    assert asked[1]["nextPageToken"] == "Ch0jU3RyaW5n=="


async def test_an_issue_is_read_as_markdown_with_pages_of_comments(linked: Calls, provider: ScriptedProvider) -> None:
    comments = [{"id": "7", "author": {"displayName": "Mia"}, "body": ISSUE["fields"]["description"]}]  # type: ignore[index]
    provider.will(f"{API}/issue/ABC-1", (200, ISSUE))
    provider.will(f"{API}/issue/ABC-1/comment", (200, {"comments": comments, "startAt": 0, "total": 3}))
    found = await linked.call(PACK, "get_jira_issue", issue="ABC-1", comment_limit=1)
    assert "_see_" in found["description"]
    assert found["comments"][0]["id"] == "7"
    assert found["next_cursor"] == "1"
    await linked.call(PACK, "get_jira_issue", issue="ABC-1", comment_limit=1, cursor=found["next_cursor"])
    assert "startAt=1" in provider.asked[-1].url
    none = await linked.call(PACK, "get_jira_issue", issue="ABC-1", comment_limit=0)
    assert (none["comments"], none["next_cursor"]) == ([], None)


async def test_an_issue_is_made_once_of_markdown(linked: Calls, provider: ScriptedProvider) -> None:
    provider.will(f"{API}/issue", (201, {"id": "1", "key": "ABC-2"}))
    made = await linked.call(
        PACK, "create_jira_issue", project="abc", summary="New\n one", description="**now**", labels=["a-b"]
    )
    assert made["issue"] == {"key": "ABC-2", "site": "cloud-1", "url": "https://one.atlassian.net/browse/ABC-2"}
    (body,) = bodies(provider, "/issue")
    fields = body["fields"]
    assert (fields["project"], fields["issuetype"]) == ({"key": "ABC"}, {"name": "Task"})
    assert (fields["summary"], fields["labels"]) == ("New one", ["a-b"])
    assert fields["description"]["content"][0]["content"][0]["marks"] == [{"type": "strong"}]


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_failed_write_is_not_repeated(linked: Calls, provider: ScriptedProvider, status: int) -> None:
    provider.will(f"{API}/issue", (status, {}))
    with pytest.raises(PackFault):
        await linked.call(PACK, "create_jira_issue", project="ABC", summary="x")
    assert len(bodies(provider, "/issue")) == 1


async def test_a_comment_and_a_transition_are_sent(linked: Calls, provider: ScriptedProvider) -> None:
    provider.will(f"{API}/issue/ABC-1/comment", (201, {"id": "44"}))
    added = await linked.call(PACK, "comment_on_jira_issue", issue="ABC-1", text="- ok")
    assert (added["comment_id"], added["issue"]["key"]) == ("44", "ABC-1")
    assert bodies(provider, "/comment")[0]["body"]["content"][0]["type"] == "bulletList"
    moves = [
        {"id": "2", "name": "Close", "to": {"name": "Done"}, "fields": {"r": {"required": True}}},
        {"id": "3", "name": "Start", "to": {"name": "Doing"}, "fields": {}},
    ]
    provider.will(f"{API}/issue/ABC-1/transitions", (200, {"transitions": moves}), (204, b""))
    listed = await linked.call(PACK, "list_jira_transitions", issue="ABC-1")
    assert [(move["id"], move["needs_fields"]) for move in listed["transitions"]] == [("2", True), ("3", False)]
    done = await linked.call(PACK, "transition_jira_issue", issue="ABC-1", transition_id=listed["transitions"][1]["id"])
    assert done["transition_id"] == "3"
    assert json.loads(provider.asked[-1].body) == {"transition": {"id": "3"}}


async def test_projects_come_in_pages(linked: Calls, provider: ScriptedProvider) -> None:
    page = {"values": [{"key": "ABC", "name": "A"}, {"key": "DEF", "name": "D"}], "total": 3, "isLast": False}
    last = {"values": [{"key": "GHI", "name": "G"}], "total": 3, "isLast": True}
    provider.will(f"{API}/project/search", (200, page), (200, last))
    found = await linked.call(PACK, "list_jira_projects", limit=2, words="a b")
    assert ([one["key"] for one in found["projects"]], found["next_cursor"]) == (["ABC", "DEF"], "2")
    more = await linked.call(PACK, "list_jira_projects", limit=2, cursor=found["next_cursor"])
    assert more["next_cursor"] is None
    assert "startAt=2" in provider.asked[-1].url


async def test_several_sites_are_never_guessed_among(linked: Calls, provider: ScriptedProvider) -> None:
    await linked.link("jira", {"access_token": "ey.alice"}, extra=link_of(ONE, TWO))
    with pytest.raises(ArgumentRefused, match="several sites") as refused:
        await linked.call(PACK, "create_jira_issue", project="ABC", summary="x")
    assert "cloud-1 (https://one.atlassian.net); cloud-2 (https://two.atlassian.net)" in refused.value.shown
    with pytest.raises(ArgumentRefused, match="none of your"):
        await linked.call(PACK, "create_jira_issue", project="ABC", summary="x", site="three")
    assert provider.asked == []
    provider.will("/ex/jira/cloud-2/rest/api/3/issue", (201, {"key": "DEF-1"}))
    for name in ("cloud-2", "two", "two.atlassian.net", "https://two.atlassian.net/"):
        made = await linked.call(PACK, "create_jira_issue", project="DEF", summary="x", site=name)
        assert made["issue"]["site"] == "cloud-2"


async def test_a_site_of_the_app_that_does_not_know_the_user_is_no_choice(
    linked: Calls, provider: ScriptedProvider
) -> None:
    provider.will(f"{API}/project/search", (200, {"values": []}))
    await linked.call(PACK, "list_jira_projects")
    with pytest.raises(ArgumentRefused, match="none of your") as refused:
        await linked.call(PACK, "list_jira_projects", site="cloud-2")
    assert "two" not in refused.value.shown
    assert [asked.url.rsplit("/", 1)[-1].split("?")[0] for asked in provider.asked] == ["search"]


async def test_a_link_without_a_list_of_sites_has_its_one_and_one_without_any_says_what_to_do(
    linked: Calls, provider: ScriptedProvider
) -> None:
    provider.will(f"{API}/project/search", (200, {"values": []}))
    await linked.link("jira", {"access_token": "ey.alice"}, extra={"cloud_id": "cloud-1"})
    await linked.call(PACK, "list_jira_projects")
    await linked.link("jira", {"access_token": "ey.alice"})
    with pytest.raises(PackFault, match="has no site") as refused:
        await linked.call(PACK, "list_jira_projects")
    assert LINK + "jira" in refused.value.shown
    assert len(provider.asked) == 1


async def test_a_link_that_ends_meanwhile_is_not_taken_for_a_missing_site(
    linked: Calls, provider: ScriptedProvider
) -> None:
    provider.will(f"{API}/project/search", (401, {"code": 401, "message": "Unauthorized"}))
    with pytest.raises(LinkAgainRequired):
        await linked.call(PACK, "list_jira_projects")


async def test_jiras_refusal_is_quoted_and_says_what_to_do(linked: Calls, provider: ScriptedProvider) -> None:
    provider.will(f"{API}/issue", (400, {"errorMessages": [], "errors": {"issuetype": "Specify a valid issue type"}}))
    with pytest.raises(PackFault) as refused:
        await linked.call(PACK, "create_jira_issue", project="ABC", summary="x", issue_type="Nope")
    assert "issuetype: Specify a valid issue type" in refused.value.shown
    provider.will(f"{API}/issue", (429, {}))
    with pytest.raises(ProviderBusy):
        await linked.call(PACK, "create_jira_issue", project="ABC", summary="x")


async def test_without_a_link_the_way_to_it_is_named(calls: Calls) -> None:
    with pytest.raises(LinkRequired) as missing:
        await calls.call(PACK, "list_jira_projects")
    assert missing.value.url == LINK + "jira"


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_jira_issue", {"issue": "../../x"}),
        ("get_jira_issue", {"issue": "ABC-1?x=1"}),
        ("transition_jira_issue", {"issue": "ABC-1", "transition_id": "2/../3"}),
        ("search_jira_issues", {"jql": ""}),
        ("create_jira_issue", {"project": "A B", "summary": "x"}),
    ],
)
async def test_an_argument_that_is_no_id_is_refused(linked: Calls, tool: str, arguments: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        await linked.call(PACK, tool, **arguments)


async def test_an_argument_that_cannot_be_meant_is_refused_before_jira_is_asked(
    linked: Calls, provider: ScriptedProvider
) -> None:
    for cursor in ("x", "-1", "²", "9" * 10):
        with pytest.raises(ArgumentRefused, match="cursor"):
            await linked.call(PACK, "list_jira_projects", cursor=cursor)
    with pytest.raises(ArgumentRefused, match="label"):
        await linked.call(PACK, "create_jira_issue", project="ABC", summary="x", labels=["a b"])
    assert not provider.asked


async def test_an_answer_of_another_form_gives_nothing_that_is_not_there(
    linked: Calls, provider: ScriptedProvider
) -> None:
    odd = {
        "issues": [7, {"key": "<script>", "fields": {"summary": 3, "labels": "x", "created": "soon"}}],
        "isLast": True,
    }
    provider.will(f"{API}/search/jql", (200, odd))
    (issue,) = (await linked.call(PACK, "search_jira_issues", jql="x"))["issues"]
    assert (issue["key"], issue["url"], issue["summary"], issue["labels"], issue["created_at"]) == ("", "", "", [], "")

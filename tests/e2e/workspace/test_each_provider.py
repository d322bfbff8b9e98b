"""A person links Jira, Slack, Notion and Coda at their forms of consent, calls a tool with each, and unlinks it (C6, J4).

GitHub is in test_linked_account.py. All use one running stack, each provider a user's pages of its own sign-in.
"""

import re
from typing import Any

import httpx2
import pytest
from account_pages import Person, person
from provider_front import CODA_TOKEN, SITE, ProviderFront
from slack_front import SlackFront
from wire import answer_of, call
from workspace_stack import Workspace

pytestmark = pytest.mark.stack

# What the person enters at oidc-provider; emulate's page has a button for each user.
ANSWERS = {"login": "person", "password": "any"}
TOOLS: dict[str, tuple[dict[str, Any], str]] = {
    "jira": ({"name": "list_jira_projects", "arguments": {"limit": 2}}, "projects"),
    "notion": ({"name": "search_notion", "arguments": {"words": "plan"}}, "results"),
    "slack": ({"name": "list_slack_channels", "arguments": {"limit": 5}}, "channels"),
    "coda": ({"name": "whoami", "arguments": {"account": "own"}}, "login"),
}


async def result_of(http: httpx2.AsyncClient, workspace: Workspace, token: str, provider: str) -> dict[str, Any]:
    """The result of the provider's tool, which may be an error."""
    answer = answer_of(await call(http, workspace.url(), "tools/call", TOOLS[provider][0], token=token))
    found: dict[str, Any] = answer["result"]
    return found


async def linked(someone: Person, page: httpx2.Response, provider: str) -> httpx2.Response:
    """The page of accounts after the link."""
    if provider == "coda":
        return await someone.send(page, "/coda/token", token=CODA_TOKEN)
    return await someone.link(page, provider, {} if provider == "slack" else ANSWERS)


@pytest.mark.parametrize("provider", ["jira", "notion", "slack", "coda"])
async def test_an_account_is_linked_used_and_unlinked(
    workspace: Workspace, http: httpx2.AsyncClient, provider: str
) -> None:
    stack, base = workspace.stack, f"{workspace.stack.public_base}/workspace/api"
    async with person(workspace.pages(), stack.ca_file, *stack.users[0]) as ada:
        done = await linked(ada, await ada.sign_in(), provider)
        assert done.url.params.get("done") == "linked", done.text
        token = await workspace.token(0, "read", "write")
        bearer = {"authorization": f"Bearer {token}"}

        result = await result_of(http, workspace, token, provider)
        assert result.get("isError") is not True, result
        assert TOOLS[provider][1] in result["structuredContent"]

        kept = (await http.get(f"{base}/connections", headers=bearer)).json()["connections"]
        entry = next(one for one in kept if one["provider"] == provider)
        assert (entry["status"], bool(entry["account_id"])) == ("active", True), entry

        gone = await ada.send(await ada.open(workspace.pages()), f"/{provider}/unlink")
        # Jira and Coda have no call that ends a grant, and the page says so.
        ended = {"unlinked_here"} if provider in {"jira", "coda"} else {"unlinked", "unlinked_here"}
        assert gone.url.params.get("done") in ended, gone.text
        after = await result_of(http, workspace, token, provider)
        if provider == "coda":
            assert after["isError"] is True, after
        assert f"?link={provider}" in str(after), "without an account the tool answers with the link"


def front_of(workspace: Workspace, provider: str) -> ProviderFront | SlackFront:
    return workspace.slack if provider == "slack" else workspace.others


def presented(workspace: Workspace, provider: str) -> str:
    """The token of the last call that reached the provider."""
    return workspace.slack.presented if provider == "slack" else workspace.others.presented[provider]


@pytest.mark.parametrize("provider", ["jira", "notion", "slack"])
async def test_the_next_call_after_a_refused_token_works_by_one_refresh(
    workspace: Workspace, http: httpx2.AsyncClient, provider: str
) -> None:
    stack, front = workspace.stack, front_of(workspace, provider)
    async with person(workspace.pages(), stack.ca_file, *stack.users[0]) as ada:
        await linked(ada, await ada.sign_in(), provider)
        token = await workspace.token(0, "read", "write")
        assert (await result_of(http, workspace, token, provider)).get("isError") is not True
        first, before = presented(workspace, provider), front.refreshes

        front.rejected.add(first)
        result = await result_of(http, workspace, token, provider)
        assert result.get("isError") is not True, result
        assert TOOLS[provider][1] in result["structuredContent"]
        assert front.refreshes == before + 1
        second = presented(workspace, provider)
        assert second != first
        # What the refresh gave is kept: no further one.
        assert (await result_of(http, workspace, token, provider)).get("isError") is not True
        assert (front.refreshes, presented(workspace, provider)) == (before + 1, second)
        await ada.send(await ada.open(workspace.pages()), f"/{provider}/unlink")


@pytest.mark.parametrize("provider", ["jira", "slack"])
async def test_a_token_past_the_end_that_the_provider_said_is_renewed_before_the_next_call(
    workspace: Workspace, http: httpx2.AsyncClient, provider: str
) -> None:
    stack, front = workspace.stack, front_of(workspace, provider)
    # Over before any call can come.
    usual, front.life = front.life, 0.001
    async with person(workspace.pages(), stack.ca_file, *stack.users[0]) as ada:
        page, before = await ada.sign_in(), front.refreshes
        await linked(ada, page, provider)
        given, front.life = presented(workspace, provider), usual
        token = await workspace.token(0, "read", "write")
        result = await result_of(http, workspace, token, provider)
        assert result.get("isError") is not True, result
        assert front.refreshes > before
        assert presented(workspace, provider) != given, "the call went out with the new one"
        await ada.send(await ada.open(workspace.pages()), f"/{provider}/unlink")


async def test_a_coda_token_that_died_is_told_of_with_what_to_do_and_replaced_on_the_page(
    workspace: Workspace, http: httpx2.AsyncClient
) -> None:
    stack, others = workspace.stack, workspace.others
    docs = {"name": "list_docs", "arguments": {"account": "own", "limit": 1}}
    async with person(workspace.pages(), stack.ca_file, *stack.users[0]) as ada:
        await linked(ada, await ada.sign_in(), "coda")
        token = await workspace.token(0, "read")

        async def listed() -> dict[str, Any]:
            found: dict[str, Any] = answer_of(await call(http, workspace.url(), "tools/call", docs, token=token))
            return dict(found["result"])

        assert (await listed()).get("isError") is not True
        others.rejected.add(CODA_TOKEN)
        dead = await listed()
        assert dead["isError"] is True, dead
        assert "Coda" in dead["content"][0]["text"]
        assert f"{workspace.pages()}?link=coda" in dead["content"][0]["text"], "where a new token is entered"
        page = await ada.open(workspace.pages())
        assert re.search(r'id="coda">Coda</h2>\s*<span class="status bad">', page.text), page.text

        others.rejected.discard(CODA_TOKEN)
        assert (await linked(ada, page, "coda")).url.params.get("done") == "linked"
        assert (await listed()).get("isError") is not True
        await ada.send(await ada.open(workspace.pages()), "/coda/unlink")


async def test_the_proxy_reaches_the_linked_jira_by_the_callers_own_token(
    workspace: Workspace, http: httpx2.AsyncClient
) -> None:
    stack, base = workspace.stack, f"{workspace.stack.public_base}/workspace/api"
    async with person(workspace.pages(), stack.ca_file, *stack.users[0]) as ada:
        page = await linked(ada, await ada.sign_in(), "jira")
        token = await workspace.token(0, "read", "write")
        asked = {"method": "GET", "path": "/rest/api/3/project/search", "query": {"maxResults": "2"}}
        bearer = {"authorization": f"Bearer {token}"}
        answer = await http.post(f"{base}/jira/proxy", json=asked, headers=bearer)
        assert answer.status_code == 200, answer.text
        assert answer.json()["body"]["values"]
        assert token not in workspace.others.presented["jira"]
        await ada.send(page, "/jira/unlink")


async def test_a_grant_that_ended_at_the_provider_needs_attention_and_is_mended_by_a_new_link(
    workspace: Workspace, http: httpx2.AsyncClient
) -> None:
    stack, others = workspace.stack, workspace.others
    async with person(workspace.pages(), stack.ca_file, *stack.users[0]) as ada:
        await linked(ada, await ada.sign_in(), "notion")
        token = await workspace.token(0, "read", "write")
        assert (await result_of(http, workspace, token, "notion")).get("isError") is not True

        others.revoke("notion")
        result = await result_of(http, workspace, token, "notion")
        assert "?link=notion" in str(result), result
        page = await ada.open(workspace.pages())
        assert re.search(r'id="notion">Notion</h2>\s*<span class="status bad">', page.text), page.text

        assert (await linked(ada, page, "notion")).url.params.get("done") == "linked"
        assert (await result_of(http, workspace, token, "notion")).get("isError") is not True
        alive = others.presented["notion"]
        await ada.send(await ada.open(workspace.pages()), "/notion/unlink")
        assert others.given_back[-1] == alive, "the token is given back where the provider takes it"


async def test_a_coda_token_that_coda_does_not_know_is_not_kept(workspace: Workspace) -> None:
    stack = workspace.stack
    async with person(workspace.pages(), stack.ca_file, *stack.users[0]) as ada:
        page = await ada.send(await ada.sign_in(), "/coda/token", token="a-token-of-nobody")
        assert page.status_code == 400
        assert "does not accept this token" in page.text
        assert "Unlink Coda" not in page.text


async def test_a_name_that_could_not_be_read_at_the_link_comes_with_the_next_look(
    workspace: Workspace, http: httpx2.AsyncClient
) -> None:
    stack, others = workspace.stack, workspace.others
    async with person(workspace.pages(), stack.ca_file, *stack.users[0]) as ada:
        page, others.identity_fails = await ada.sign_in(), 1
        done = await linked(ada, page, "jira")
        assert (done.url.params.get("done"), others.identity_fails) == ("linked", 0), done.text
        bearer = {"authorization": f"Bearer {await workspace.token(0, 'read')}"}
        kept = (await http.get(f"{stack.public_base}/workspace/api/connections", headers=bearer)).json()["connections"]
        entry = next(one for one in kept if one["provider"] == "jira")
        assert entry["account_id"], f"{SITE['url']} knows the person by now"
        await ada.send(await ada.open(workspace.pages()), "/jira/unlink")

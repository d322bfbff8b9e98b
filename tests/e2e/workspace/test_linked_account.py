"""A user links an account at a provider, calls tools with it, and goes on doing so: expiry, refusal, restart (C3, J4, J6)."""

import re
from typing import Any

import httpx2
import pytest
from account_pages import person
from wire import LEGACY, MODERN, answer_of, call, message
from workspace_stack import Workspace

pytestmark = pytest.mark.stack

_WHO = {"name": "get_github_user_info", "arguments": {"include_repos": False}}
_URLS: dict[str, Any] = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}}}


async def who_am_i(http: httpx2.AsyncClient, url: str, token: str) -> str:
    """The user name that the tool gives; fails with the tool's own words."""
    answer = answer_of(await call(http, url, "tools/call", _WHO, token=token))
    assert answer["result"].get("isError") is not True, answer
    return str(answer["result"]["structuredContent"]["username"])


async def test_without_a_linked_account_every_client_gets_the_link_in_its_own_form(
    workspace: Workspace, http: httpx2.AsyncClient
) -> None:
    token, url = await workspace.token(1, "read"), workspace.url()
    link = f"{workspace.pages()}?link=github"
    body, headers = message("tools/call", _WHO, LEGACY)
    headers |= {"authorization": f"Bearer {token}", "mcp-protocol-version": LEGACY}
    old = answer_of(await http.post(url, content=body, headers=headers))
    assert old["error"]["code"] == -32042
    assert old["error"]["data"]["elicitations"][0]["url"] == link
    new = answer_of(await call(http, url, "tools/call", {**_WHO, "_meta": _URLS}, token=token, era=MODERN))
    assert new["result"]["resultType"] == "input_required"
    assert new["result"]["inputRequests"]["link-github"]["params"]["url"] == link
    for era in (MODERN, LEGACY):
        # The older one without a version is taken for one from before there were links.
        plain = answer_of(await call(http, url, "tools/call", _WHO, token=token, era=era))
        assert plain["result"]["isError"] is True
        assert link in plain["result"]["content"][0]["text"]
    assert (await http.get(link)).status_code == 200


async def test_a_linked_account_works_on_after_a_refusal_an_expiry_and_a_restart(
    workspace: Workspace, http: httpx2.AsyncClient
) -> None:
    stack, github = workspace.stack, workspace.github
    async with person(workspace.pages(), stack.ca_file, *stack.users[0]) as ada:
        page = await ada.sign_in()
        assert stack.users[0][0] in page.text
        done = await ada.link_github(page)
        assert done.status_code == 200, done.text
        assert "octocat" in done.text
        token = await workspace.token(0, "read")
        assert await who_am_i(http, workspace.url(), token) == "octocat"
        assert github.refreshes == 0

        github.rejected.add(github.presented[-1])
        other = {"name": "get_github_user_info", "arguments": {"username": "octocat", "include_repos": False}}
        answer = answer_of(await call(http, workspace.url(), "tools/call", other, token=token))
        assert answer["result"].get("isError") is not True, answer
        assert github.refreshes == 1

        github.life = 1
        page = await ada.link_github(await ada.open(workspace.pages()))
        assert page.url.params.get("done") == "linked", page.text
        assert github.refreshes == 1
        # Longer than the token's life.
        workspace.restart()
        token = await workspace.token(0, "read")
        assert await who_am_i(http, workspace.url(), token) == "octocat"
        assert github.refreshes == 2
        again = await ada.open(workspace.pages())
        assert "octocat" in again.text, "the browser's session is kept too"
        assert re.search(r"Unlink GitHub", again.text)


async def test_a_token_of_one_workspace_server_opens_no_other(workspace: Workspace, http: httpx2.AsyncClient) -> None:
    first, second = await workspace.token(1, "read"), await workspace.token(1, "read", name="second")
    for token, own, other in ((first, "workspace", "second"), (second, "second", "workspace")):
        assert (await call(http, workspace.url(own), "tools/list", token=token)).status_code == 200
        assert (await call(http, workspace.url(other), "tools/list", token=token)).status_code == 401
        bearer = {"authorization": f"Bearer {token}"}
        base = workspace.stack.public_base
        assert (await http.get(f"{base}/{own}/api/connections", headers=bearer)).status_code == 200
        assert (await http.get(f"{base}/{other}/api/connections", headers=bearer)).status_code == 401


async def test_a_client_of_the_pages_gets_no_token_and_nothing_internal_is_routed(
    workspace: Workspace, http: httpx2.AsyncClient
) -> None:
    base = workspace.stack.public_base
    assert (await http.get(f"{base}/workspace/internal/tokens/github?user=x")).status_code == 404
    secret = (workspace.stack.state / "secrets" / "web").read_text().strip()
    for grant in ({"grant_type": "client_credentials"}, {"grant_type": "password", "username": "ada", "password": "x"}):
        answer = await http.post(
            f"{workspace.stack.issuer}/protocol/openid-connect/token", data=grant, auth=("gatelodge-web", secret)
        )
        assert answer.status_code in {400, 401, 403}, answer.text
        assert "access_token" not in answer.text

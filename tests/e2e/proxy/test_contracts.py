"""Calls through the proxy, judged by the providers' own OpenAPI files, and made at what a third party emulates."""

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from oauth_servers import emulated
from prism import prism
from proxy_desk import proxy_desk
from raw_upstream import Answerer, RawRequest, answer, raw_upstream
from vaults import Vault

from gatelodge.proxy.rules import RULES

_FILES = Path(__file__).parents[4] / "shared" / "openapi"
_PLACE = re.compile(r"\{[^}]*\}")
# Where the file's paths begin below the provider's API base, and calls that the file does not know.
PREFIX = {"github": "", "jira": "", "notion": "/v1", "coda": "", "slack": ""}
UNKNOWN = {
    # Slack takes every method by GET and by POST; its file names one of the two, and has no newer ones.
    "slack": {"GET", "POST"},
}

Call = tuple[str, str, dict[str, Any]]
ADF = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "t"}]}]}
UUID = "b55c9c91-384d-452b-81db-d1ef79372b75"
CALLS: Mapping[str, tuple[tuple[str, ...], tuple[Call, ...], Call]] = {
    # Paths of the file, calls that it must take, and one that it must refuse.
    "github": (
        ("/user", "/repos/{owner}/{repo}/issues", "/search/issues", "/repos/{owner}/{repo}/contents/{path}"),
        (
            ("GET", "/user", {}),
            ("GET", "/repos/o/r/issues", {"query": {"state": "open", "per_page": 5}}),
            ("POST", "/repos/o/r/issues", {"body": {"title": "t", "body": "b", "labels": ["bug"]}}),
            ("GET", "/search/issues", {"query": {"q": "is:open repo:o/r"}}),
            ("GET", "/repos/o/r/contents/README.md", {}),
        ),
        ("GET", "/repos/o/r/issues", {"query": {"state": "sideways"}}),
    ),
    "jira": (
        (
            "/rest/api/3/search/jql",
            "/rest/api/3/issue",
            "/rest/api/3/issue/{issueIdOrKey}/comment",
            "/rest/api/3/myself",
        ),
        (
            ("GET", "/rest/api/3/myself", {}),
            (
                "POST",
                "/rest/api/3/search/jql",
                {"body": {"jql": "project = A", "maxResults": 5, "fields": ["summary"]}},
            ),
            ("POST", "/rest/api/3/issue", {"body": {"fields": {"summary": "s", "description": ADF}}}),
            ("POST", "/rest/api/3/issue/A-1/comment", {"body": {"body": ADF}}),
        ),
        ("POST", "/rest/api/3/search/jql", {"body": {"jql": "project = A", "maxResults": "many"}}),
    ),
    "notion": (
        ("/v1/search", "/v1/pages/{page_id}", "/v1/pages/{page_id}/markdown", "/v1/users/me"),
        (
            ("GET", "/users/me", {}),
            ("POST", "/search", {"body": {"query": "q", "page_size": 5}}),
            ("GET", f"/pages/{UUID}", {}),
            ("GET", f"/pages/{UUID}/markdown", {}),
        ),
        ("POST", "/search", {"body": {"page_size": "many"}}),
    ),
    "coda": (
        ("/whoami", "/docs", "/docs/{docId}/tables/{tableIdOrName}/rows"),
        (
            ("GET", "/whoami", {}),
            ("GET", "/docs", {"query": {"limit": 5}}),
            ("GET", "/docs/d/tables/t/rows", {"query": {"valueFormat": "simple"}}),
            ("POST", "/docs/d/tables/t/rows", {"body": {"rows": [{"cells": [{"column": "c", "value": "v"}]}]}}),
        ),
        ("GET", "/docs/d/tables/t/rows", {"query": {"limit": "many"}}),
    ),
}


@pytest.mark.parametrize("provider", sorted(RULES))
def test_every_rule_is_a_call_of_the_providers_own_file(provider: str) -> None:
    file = _FILES / f"{provider}.json"
    if not file.is_file():
        pytest.skip(f"there is no {provider}.json in ../shared/openapi")
    paths = json.loads(file.read_text())["paths"]
    known = {(method.upper(), _PLACE.sub("{}", path)) for path, methods in paths.items() for method in methods}
    for rule in RULES[provider]:
        path = PREFIX[provider] + _PLACE.sub("{}", rule.template)
        methods = UNKNOWN.get(provider, {rule.method})
        assert any((method, path) in known for method in methods), rule.name


@pytest.mark.parametrize("provider", CALLS)
async def test_the_providers_file_takes_what_the_proxy_sends(vault: Vault, provider: str, tmp_path: Path) -> None:
    paths, calls, wrong = CALLS[provider]
    async with raw_upstream() as behind, raw_upstream() as front:
        behind.otherwise = answer(200, {})
        with prism(provider, tmp_path, *paths, upstream=behind.url) as judge:
            front.otherwise = relayed(judge)
            async with proxy_desk(vault, urls={provider: front.url + PREFIX[provider]}) as desk:
                await desk.link(provider, token=UUID)
                for method, path, members in calls:
                    behind.asked.clear()
                    await desk.call(provider, method, path, **members)
                    found = [(asked.method, asked.token) for asked in behind.asked]
                    assert found == [(method, UUID)], f"{method} {path}: {front.asked[-1]}"
                behind.asked.clear()
                method, path, members = wrong
                refused = await desk.call(provider, method, path, **members)
                assert behind.asked == [], "the judge lets a wrong call pass"
                assert refused.json()["provider"]["status"] in {400, 422}


async def test_calls_reach_what_a_third_party_emulates(vault: Vault) -> None:
    with emulated("github", "slack") as (github, slack):
        async with proxy_desk(vault, urls={"github": github, "slack": f"{slack}/api"}) as desk:
            await desk.link("github", token="gho_example")
            await desk.link("slack", token="xoxb-example")
            user = await desk.call("github", path="/user")
            assert (user.status_code, user.json()["kept"]) == (200, False)
            assert user.json()["body"]["login"]
            assert (await desk.call("github", path="/user")).json()["kept"]
            gone = await desk.call("github", path="/repos/nobody/nothing")
            assert (gone.status_code, gone.json()["provider"]["status"]) == (404, 404)
            listed = await desk.call("slack", "POST", "/conversations.list", body={"limit": 5})
            channels = listed.json()["body"]["channels"]
            assert listed.json()["body"]["ok"]
            sent = {"channel": channels[0]["id"], "text": "from the proxy"}
            assert (await desk.call("slack", "POST", "/chat.postMessage", body=sent)).json()["body"]["ok"]
            history = await desk.call("slack", "POST", "/conversations.history", body={"channel": channels[0]["id"]})
            assert "from the proxy" in [message["text"] for message in history.json()["body"]["messages"]]
            unknown = await desk.call("slack", "POST", "/conversations.history", body={"channel": "C404"})
            assert (unknown.status_code, unknown.json()["error"]) == (502, "provider_refused")
            assert unknown.json()["provider"] == {"name": "slack", "status": 200, "error": "channel_not_found"}


def relayed(judge: str) -> Answerer:
    """Pass requests on as they are, without the site that Jira's own gateway takes off."""

    async def relay(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        target = re.sub(r"^/ex/jira/[^/]+", "", request.target)
        headers = [(name, value) for name, value in request.headers if name not in {"host", "content-length"}]
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
            found = await client.request(request.method, judge + target, headers=headers, content=request.body)
        await answer(found.status_code, raw=found.content)(request, writer)

    return relay

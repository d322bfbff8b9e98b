"""GitHub's tools against emulate (a stateful GitHub) and Prism (GitHub's own OpenAPI file as mock and judge)."""

from collections.abc import Iterator
from typing import Any

import pytest
from oauth_servers import emulated
from pack_calls import Calls
from prism import prism

from gatelodge.toolpacks.errors import PackFault
from gatelodge.toolpacks.github.client import GitHub, Page
from gatelodge.toolpacks.github.tools import PACK

_ISSUES = "/repos/{owner}/{repo}/issues"
_PATHS = (
    "/user",
    "/user/repos",
    "/users/{username}",
    "/users/{username}/repos",
    "/search/issues",
    _ISSUES,
    _ISSUES + "/{issue_number}",
    _ISSUES + "/{issue_number}/comments",
)


@pytest.fixture(scope="module")
def emulated_github() -> Iterator[str]:
    with emulated("github") as (url,):
        yield url


@pytest.fixture(scope="module")
def specified_github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prism("github", tmp_path_factory.mktemp("github"), *_PATHS) as url:
        yield url


async def make_repository(calls: Calls) -> str:
    """A repository of the linked account, as its user would make one."""
    answer = await calls.upstream.send(
        calls.owner("github"), "github", "POST", "/user/repos", json={"name": "hello-world"}, purpose="test"
    )
    return str(answer.json()["full_name"])


async def test_an_issue_is_made_found_and_read(emulated_github: str, calls_at: Any) -> None:
    async with calls_at(github=emulated_github) as calls:
        await calls.link("github", {"access_token": "gho_emulated"})
        repository = await make_repository(calls)
        made = await calls.call(
            PACK,
            "create_github_issue",
            repository=repository,
            title="Zebra crossing",
            text="See [x](https://a.example)",
        )
        found = await calls.call(PACK, "search_github_issues", query=f"Zebra repo:{repository}")
        assert [entry["number"] for entry in found["issues"]] == [made["issue"]["number"]]
        first = found["issues"][0]
        assert first["repository"] == repository
        read = await calls.call(PACK, "get_github_issue", repository=first["repository"], number=first["number"])
        assert "[x] (https[:]//a.example)" in read["text"]
        assert read["issue"]["state"] == "open"


async def test_the_linked_and_a_named_account_are_shown(emulated_github: str, calls_at: Any) -> None:
    async with calls_at(github=emulated_github) as calls:
        await calls.link("github", {"access_token": "gho_emulated"})
        own = await calls.call(PACK, "get_github_user_info")
        assert own["username"]
        named = await calls.call(PACK, "get_github_user_info", username="octocat", repo_limit=1)
        assert (named["username"], named["account"]) == ("octocat", "named")
        with pytest.raises(PackFault) as unknown:
            await calls.call(PACK, "get_github_user_info", username="nobody-of-that-name")
        assert unknown.value.provider_status == 404


async def test_calls_and_answers_fit_githubs_own_description(specified_github: str, calls_at: Any) -> None:
    async with calls_at(github=specified_github) as calls:
        await calls.link("github", {"access_token": "gho_specified"})
        own = await calls.call(PACK, "get_github_user_info")
        assert (own["username"], own["repositories"][0]["repository"]) == ("octocat", "octocat/Hello-World")
        assert own["created_at"]
        assert own["url"]
        found = await calls.call(PACK, "search_github_issues", query="x")
        assert found["issues"][0]["repository"]
        read = await calls.call(PACK, "get_github_issue", repository="octocat/Hello-World", number=1347)
        assert read["issue"]["number"] == 1347
        assert read["text"]
        # The example's issue says that it has no comments, so the tool does not ask for any.
        comments = await GitHub(calls.bound(PACK), "test").comments("octocat/Hello-World", 1347, Page(1, 10))
        assert comments[0]["body"]
        made = await calls.call(
            PACK, "create_github_issue", repository="octocat/Hello-World", title="x", labels=["bug"]
        )
        assert made["issue"]["url"]

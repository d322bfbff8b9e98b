"""Every tool of GitHub and Coda with answers in which every single string is an injection (M16)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from injections import INJECTIONS
from pack_calls import Calls
from scripted_provider import ScriptedProvider

from gatelodge.toolpacks.coda.tools import PACK as CODA
from gatelodge.toolpacks.errors import PackFault
from gatelodge.toolpacks.github.tools import PACK as GITHUB
from gatelodge.toolpacks.pack import Pack

_ISSUE = {
    **dict.fromkeys(("title", "body", "state", "html_url", "created_at", "updated_at"), "?"),
    "repository_url": "https://api.github.com/repos/?",
    "number": 1,
    "comments": 3,
    "user": {"login": "?"},
    "labels": [{"name": "?"}],
    "assignees": [{"login": "?"}],
    "milestone": {"title": "?"},
    "pull_request": {"url": "?"},
}
_USER = dict.fromkeys(("login", "type", "name", "bio", "company", "location", "blog", "created_at", "html_url"), "?")
_REPOSITORY = dict.fromkeys(("full_name", "description", "language", "pushed_at", "html_url"), "?")
_REFERENCE = {"id": "?", "name": "?"}
_DOC = {
    **dict.fromkeys(("id", "name", "owner", "ownerName", "createdAt", "updatedAt", "browserLink", "tableType"), "?"),
    "folder": _REFERENCE,
    "parent": _REFERENCE,
    "values": {"?": "?", "deep": {"?": ["?"]}},
}
_ANSWERS: dict[str, Any] = {
    "/user": _USER,
    "/user/repos": [_REPOSITORY],
    "/search/issues": {"total_count": 1, "items": [_ISSUE]},
    "/repos/o/r/issues/1": _ISSUE,
    "/repos/o/r/issues/1/comments": [_ISSUE],
    "/repos/o/r/issues": _ISSUE,
    "/apis/v1/whoami": {"name": "?", "loginId": "?", "tokenName": "?", "workspace": _REFERENCE},
    "/apis/v1/docs": {"items": [_DOC], "nextPageToken": "?"},
    "/apis/v1/docs/d": _DOC,
    "/apis/v1/docs/d/tables": {"items": [_DOC], "nextPageToken": "?"},
    "/apis/v1/docs/d/tables/t/rows": {"items": [_DOC], "nextPageToken": "?"},
}
_CALLS: list[tuple[Pack, str, dict[str, Any]]] = [
    (GITHUB, "get_github_user_info", {}),
    (GITHUB, "search_github_issues", {"query": "x"}),
    (GITHUB, "get_github_issue", {"repository": "o/r", "number": 1}),
    (GITHUB, "create_github_issue", {"repository": "o/r", "title": "x"}),
    (CODA, "whoami", {"account": "own"}),
    (CODA, "list_docs", {"account": "own"}),
    (CODA, "get_doc", {"account": "own", "doc_id": "d"}),
    (CODA, "list_tables", {"account": "own", "doc_id": "d"}),
    (CODA, "list_rows", {"account": "own", "doc_id": "d", "table_id": "t"}),
]
# Of what is not marked: ids, dates, addresses and words of our own, none of which has a space or a sign of markup.
_PLAIN = re.compile(r"[A-Za-z0-9._~:/@%#?=&+-]*(\[bot\])?", re.ASCII)


def filled(form: Any, text: str) -> Any:
    """The same answer with every string replaced."""
    if isinstance(form, dict):
        return {text if name == "?" else name: filled(value, text) for name, value in form.items()}
    if isinstance(form, list):
        return [filled(value, text) for value in form]
    return form.removesuffix("?") + text if isinstance(form, str) and form.endswith("?") else form


def strings(value: Any) -> Iterator[str]:
    """All strings of a result, names of members included."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(inner)
    yield from value if isinstance(value, dict) else ()


@pytest.fixture
async def linked(calls: Calls, provider: ScriptedProvider) -> Calls:
    provider.headers = {"cache-control": "no-store"}
    await calls.link("github", {"access_token": "gho_x"})
    await calls.link("coda", {"api_token": "0b3f6c1e"})
    return calls


def unmarked(calls: Calls, found: dict[str, Any]) -> Iterator[str]:
    """Strings of a result outside the marks."""
    assert calls.context is not None
    texts = calls.context.texts
    marked = re.compile(
        re.escape(texts.opens) + r".*?" + re.escape(texts.closes) + r"( \[truncated: \d+ more characters\])?", re.DOTALL
    )
    notice = found.pop("notice")
    assert (notice["opens"], notice["closes"], notice["untrusted"]) == (texts.opens, texts.closes, True)
    for text in strings(found):
        yield marked.sub("", text)


async def test_no_string_of_an_answer_gets_out_of_its_marks(linked: Calls, provider: ScriptedProvider) -> None:
    for name, injection in INJECTIONS.items():
        if "surrogates" in name:
            continue
        text = injection[:3000] if name.startswith("huge") else injection
        provider.answers = {path: [(200, filled(form, text))] for path, form in _ANSWERS.items()}
        for pack, tool, arguments in _CALLS:
            found = await linked.call(pack, tool, **arguments)
            assert all(_PLAIN.fullmatch(rest) for rest in unmarked(linked, found)), (name, tool, found)


async def test_no_error_message_gets_out_of_its_marks(linked: Calls, provider: ScriptedProvider) -> None:
    for name, injection in INJECTIONS.items():
        text = injection[:3000]
        for path in _ANSWERS:
            provider.will(path, (400, {"message": text, "error": text, "statusMessage": text}))
        for pack, tool, arguments in _CALLS[1:6]:
            with pytest.raises(PackFault) as refused:
                await linked.call(pack, tool, **arguments)
            assert linked.context is not None
            opens, closes = linked.context.texts.opens, linked.context.texts.closes
            ours, _, rest = refused.value.shown.partition(opens)
            inner, _, after = rest.partition(closes)
            assert re.fullmatch(
                r"(GitHub|Coda) does not accept these arguments\.( It says: )?",
                ours.removesuffix(" Change them, then call again."),
            ), name
            assert re.fullmatch(r"( \[truncated: \d+ more characters\])?\. Change them, then call again\.|", after), (
                name
            )
            assert len(inner) < 1000


async def test_a_result_has_a_size_that_a_model_can_take(linked: Calls, provider: ScriptedProvider) -> None:
    text = INJECTIONS["huge"][:15_000]
    provider.will("/repos/o/r/issues/1", (200, filled(_ISSUE, text) | {"comments": 50}))
    provider.will("/repos/o/r/issues/1/comments", (200, [{"body": text}] * 50))
    found = await linked.call(GITHUB, "get_github_issue", repository="o/r", number=1, comment_limit=50)
    assert len(found["comments"]) == 50
    assert found["notice"]["truncated"] is True
    assert len(str(found)) < 150_000

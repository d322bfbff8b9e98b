"""What a caller gets through the proxy: the provider's answer, or one form of error; and who may call what."""

import asyncio
import json

import pytest
from proxy_desk import ISSUER, ProxyDesk, proxy_desk
from raw_upstream import RawRequest, answer, cut
from starlette.requests import Request
from starlette.types import Message
from vaults import Vault

from gatelodge.audit.actor import of_user
from gatelodge.connections.upstream import Limits
from gatelodge.core.secret import Secret
from gatelodge.proxy.asked import BodyRefused, read_asked
from gatelodge.proxy.rule import METHODS
from gatelodge.proxy.rules import RULES

PROVIDER_CALLS = [
    ("github", "GET", "/repos/o/r/issues", "/repos/o/r/issues"),
    ("jira", "GET", "/rest/api/3/issue/ABC-1", "/ex/jira/c1/rest/api/3/issue/ABC-1"),
    ("notion", "GET", "/pages/p1/markdown", "/pages/p1/markdown"),
    ("slack", "GET", "/conversations.list", "/conversations.list"),
    ("coda", "GET", "/docs/d/tables/t/rows", "/docs/d/tables/t/rows"),
]


@pytest.mark.parametrize(("provider", "method", "path", "sent"), PROVIDER_CALLS)
async def test_a_call_goes_out_with_the_users_token_and_the_providers_headers(
    desk: ProxyDesk, provider: str, method: str, path: str, sent: str
) -> None:
    await desk.link(provider, token=f"canary-{provider}")
    response = await desk.call(provider, method, path, query={"limit": 2, "all": True, "tag": ["a b", "c"]})
    assert response.status_code == 200, response.text
    assert response.json() == {
        "provider": provider,
        "status": 200,
        "kept": False,
        "headers": {},
        "body": {"ok": True},
    }
    (asked,) = desk.raw.asked
    assert asked.line == f"{method} {sent}?limit=2&all=true&tag=a+b&tag=c HTTP/1.1"
    headers = dict(asked.headers)
    assert asked.token == f"canary-{provider}"
    assert headers["user-agent"] == "gatelodge"
    assert headers["accept-encoding"] == "identity"
    wanted = {"github": ("x-github-api-version", "2022-11-28"), "notion": ("notion-version", "2026-03-11")}
    if provider in wanted:
        name, value = wanted[provider]
        assert headers[name] == value


async def test_a_body_goes_out_as_json_and_to_slacks_reads_as_a_form(desk: ProxyDesk) -> None:
    await desk.link("slack", token="canary-bot")
    await desk.call("github", "POST", "/repos/o/r/issues", body={"title": "Ünï 😀", "labels": ["a"]})
    await desk.call("slack", "POST", "/conversations.history", body={"channel": "C1", "limit": 5, "inclusive": True})
    await desk.call("slack", "POST", "/auth.test")
    await desk.call("slack", "POST", "/chat.postMessage", body={"channel": "C1", "text": "hi"})
    bodies = [(dict(asked.headers).get("content-type"), asked.body.decode()) for asked in desk.raw.asked]
    assert bodies == [
        ("application/json", '{"title": "Ünï 😀", "labels": ["a"]}'),
        ("application/x-www-form-urlencoded", "channel=C1&limit=5&inclusive=true"),
        ("application/x-www-form-urlencoded", ""),
        ("application/json", '{"channel": "C1", "text": "hi"}'),
    ]


async def test_slacks_bot_stands_in_for_no_user(desk: ProxyDesk) -> None:
    await desk.link("slack", token="canary-bot", secrets={})
    for path in ("/conversations.history", "/chat.postMessage"):
        refused = await desk.call("slack", "POST", path, body={"channel": "CPRIVATE1"})
        assert (refused.status_code, refused.json()["error"]) == (409, "connection_needs_reauth")
        assert refused.json()["link_url"].endswith("link=slack")
    assert desk.raw.asked == []


async def test_slacks_own_token_of_the_user_goes_before_the_bots(desk: ProxyDesk) -> None:
    await desk.link("slack", token="canary-bot", secrets={"user_access_token": Secret("canary-own")})
    await desk.call("slack", "GET", "/search.messages", query={"query": "x"})
    assert desk.raw.asked[0].token == "canary-own"


@pytest.mark.parametrize(
    ("provider", "method", "path", "scope"),
    [
        ("github", "GET", "/user", "workspace:read"),
        ("github", "POST", "/repos/o/r/issues", "workspace:write"),
        ("github", "PATCH", "/repos/o/r/issues/1", "workspace:write"),
        ("jira", "POST", "/rest/api/3/search/jql", "workspace:read"),
        ("jira", "POST", "/rest/api/3/issue", "workspace:write"),
        ("notion", "POST", "/search", "workspace:read"),
        ("notion", "DELETE", "/blocks/b", "workspace:write"),
        ("slack", "POST", "/conversations.list", "workspace:read"),
        ("slack", "POST", "/chat.postMessage", "workspace:write"),
        ("coda", "PUT", "/docs/d/tables/t/rows/r", "workspace:write"),
    ],
)
async def test_reads_need_the_read_scope_and_all_else_the_write_scope(
    desk: ProxyDesk, provider: str, method: str, path: str, scope: str
) -> None:
    await desk.link(provider)
    refused = await desk.call(provider, method, path, headers=desk.bearer("other:read"))
    assert refused.status_code == 403
    assert refused.json()["error"] == "insufficient_scope"
    assert f'scope="{scope}"' in refused.headers["www-authenticate"]
    if scope.endswith("write"):
        assert (await desk.call(provider, method, path, headers=desk.bearer("workspace:read"))).status_code == 403
    assert desk.raw.asked == []
    assert (await desk.call(provider, method, path, headers=desk.bearer(scope))).status_code == 200
    assert (await desk.call(provider, method, path, headers=desk.bearer("workspace:write"))).status_code == 200


async def test_callers_without_a_good_token_of_this_audience_get_a_challenge(desk: ProxyDesk) -> None:
    for headers, status, error in (
        ({}, 401, "unauthorized"),
        ({"cookie": "session=x"}, 401, "unauthorized"),
        ({"authorization": "Bearer not.a.token"}, 401, "invalid_token"),
        (desk.bearer(aud="https://localhost:8443/other/mcp"), 401, "invalid_token"),
        (desk.bearer(exp=int(desk.vault.clock.now()) - 100), 401, "invalid_token"),
        ({"authorization": "Bearer a b"}, 400, "invalid_request"),
    ):
        response = await desk.call("github", headers=headers)
        assert (response.status_code, response.json()["error"]) == (status, error)
        assert "resource_metadata=" in response.headers["www-authenticate"]
    assert desk.raw.asked == []


NO_RULE = [
    ("github", "GET", "/user/emails"),
    ("github", "GET", "/user/keys"),
    ("github", "DELETE", "/repos/o/r"),
    ("github", "PUT", "/repos/o/r/contents/a"),
    ("github", "POST", "/repos/o/r/hooks"),
    ("github", "GET", "/repos/o/r/contents"),
    ("github", "get", "/user"),
    ("github", "OPTIONS", "/user"),
    ("github", "CONNECT", "/user"),
    ("github", "HEAD", "/user"),
    ("jira", "GET", "/oauth/token/accessible-resources"),
    ("jira", "GET", "/ex/jira/c2/rest/api/3/myself"),
    ("jira", "DELETE", "/rest/api/3/project/X"),
    ("jira", "POST", "/rest/api/3/webhook"),
    ("slack", "POST", "/auth.revoke"),
    ("slack", "POST", "/apps.uninstall"),
    ("notion", "POST", "/oauth/introspect"),
    ("notion", "POST", "/v1/search"),
    ("coda", "DELETE", "/docs/d"),
    ("coda", "POST", "/docs"),
]


async def test_what_no_rule_names_is_refused_and_recorded(desk: ProxyDesk) -> None:
    for provider, method, path in NO_RULE:
        await desk.link(provider)
        response = await desk.call(provider, method, path)
        assert (response.status_code, response.json()["error"]) == (403, "proxy_refused"), (provider, method, path)
    assert desk.raw.asked == []
    events = [(found.event.outcome, found.event.rule) for found in await desk.vault.events("proxy.call")]
    # What is no method at all is refused before a rule is looked for.
    looked_for = [provider for provider, method, _ in NO_RULE if method in METHODS]
    assert events == [("refused", "no_rule")] * len(set(looked_for))
    desk.parts.recorder.settle()
    counted = await desk.vault.events("proxy.call")
    assert sum(int(found.event.subject.get("more") or 1) for found in counted) == len(looked_for)


async def test_refusals_without_end_are_a_number(desk: ProxyDesk) -> None:
    for _ in range(20):
        assert (await desk.call("github", headers=desk.bearer("other:read"))).status_code == 403
    (found,) = await desk.vault.events("proxy.call")
    assert (found.event.actor, found.event.rule) == (of_user(ISSUER, "alice"), "scopes")


async def test_unknown_and_unconfigured_providers_look_alike(desk: ProxyDesk) -> None:
    for name in ("gitlab", "GitHub", "auth", "github%2F.."):
        assert (await desk.call(name)).status_code == 404


async def test_an_account_that_is_not_linked_or_dead_comes_with_the_link(desk: ProxyDesk) -> None:
    missing = await desk.call("github", headers=desk.bearer(user="bob"))
    assert (missing.status_code, missing.json()["error"]) == (409, "connection_missing")
    assert missing.json()["link_url"] == "https://localhost:8443/workspace/accounts?link=github"
    owner = await desk.link("github", "carol")
    await desk.vault.end(owner)
    dead = await desk.call("github", headers=desk.bearer(user="carol"))
    assert (dead.status_code, dead.json()["error"]) == (409, "connection_needs_reauth")
    assert "link_url" in dead.json()


async def test_a_providers_error_has_our_code_and_its_own_status(desk: ProxyDesk) -> None:
    desk.raw.will(
        answer(404, {"message": "Not Found", "status": "404"}, {"x-github-request-id": "R1", "set-cookie": "a=b"}),
        answer(500, {"message": "boom"}),
        answer(403, {"message": "API rate limit exceeded"}, {"x-ratelimit-remaining": "0", "retry-after": "7"}),
    )
    refused = await desk.call("github", path="/repos/o/r")
    assert refused.status_code == 404
    assert refused.json()["error"] == "provider_refused"
    told = {"name": "github", "status": 404, "message": "Not Found", "request_id": "R1"}
    assert refused.json()["provider"] == told
    assert "set-cookie" not in refused.headers
    broken = await desk.call("github", path="/repos/o/r")
    assert (broken.status_code, broken.json()["provider"]["status"]) == (502, 500)
    limited = await desk.call("github", path="/repos/o/r")
    assert (limited.status_code, limited.json()["error"], limited.headers["retry-after"]) == (
        429,
        "provider_limited",
        "7",
    )


async def test_a_call_that_changes_something_is_recorded_before_it_is_sent(desk: ProxyDesk) -> None:
    desk.raw.will(cut)
    response = await desk.call("github", "POST", "/repos/o/r/issues", body={"title": "t"})
    assert (response.status_code, response.json()["error"]) == (502, "provider_unavailable")
    assert len(desk.raw.asked) == 1, "no second try"
    await desk.call("github", path="/user")
    found = [(entry.event.outcome, entry.event.rule, dict(entry.event.subject)) for entry in await _events(desk)]
    write = {"provider": "github", "reads": False}
    assert found == [
        ("ok", "POST /repos/{owner}/{repo}/issues", {**write, "step": "begun"}),
        ("failed", "POST /repos/{owner}/{repo}/issues", {**write, "status": 0}),
        ("ok", "GET /user", {"provider": "github", "reads": True, "status": 200}),
    ]


async def test_nothing_is_changed_when_nothing_can_be_recorded(desk: ProxyDesk) -> None:
    await desk.vault.trail.flush()
    await desk.vault.sql("ALTER TABLE audit_head RENAME TO gone")
    write = await desk.call("github", "POST", "/repos/o/r/issues", body={"title": "t"})
    assert write.status_code in {500, 503}
    assert desk.raw.asked == []
    await desk.vault.sql("ALTER TABLE gone RENAME TO audit_head")


async def test_a_full_audit_queue_refuses_reads_and_not_the_answer_of_a_write(desk: ProxyDesk) -> None:
    trail = desk.vault.trail
    await trail.flush()
    largest = trail._largest

    async def fill(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        trail._largest = 0
        await answer(200, {})(request, writer)

    for method, path, status in (("POST", "/repos/o/r/issues", 200), ("GET", "/user/repos", 503)):
        desk.raw.will(fill)
        response = await desk.call("github", method, path, **({"body": {"title": "t"}} if method == "POST" else {}))
        trail._largest = largest
        assert response.status_code == status


AMBIGUOUS = [
    (b"", 400),
    (b"[]", 400),
    (b'"x"', 400),
    (b"\xff\xfe{}", 400),
    (b'{"method": "GET"}', 400),
    (b'{"method": "GET", "path": 1}', 400),
    (b'{"method": "GET", "path": "/user", "headers": {}}', 400),
    (b'{"method": "GET", "path": "/user", "url": "http://127.0.0.1"}', 400),
    (b'{"method": "GET", "path": "/user", "path": "/user/repos"}', 400),
    (b'{"method": "GET", "path": "/user", "query": []}', 400),
    (b'{"method": "GET", "path": "/user", "query": {"a": null}}', 400),
    (b'{"method": "GET", "path": "/user", "query": {"a": {"b": 1}}}', 400),
    (b'{"method": "GET", "path": "/user", "query": {"a": [[1]]}}', 400),
    (b'{"method": "GET", "path": "/user", "query": {"": "x"}}', 400),
    (b'{"method": "GET", "path": "/user", "query": {"a\\r\\nb": "x"}}', 400),
    (b'{"method": "GET", "path": "/user", "query": {"a": "\\ud800"}}', 403),
    (b'{"method": "GET", "path": "/user", "body": {}}', 400),
    (b'{"method": "GET", "path": "/user", "query": {"n": NaN}}', 400),
    (b'{"method": "GET", "path": "/user", "query": {"access_token": "x"}}', 403),
    (b'{"method": "GET", "path": "/user", "query": {" Token ": "x"}}', 403),
    (b'{"method": "GET", "path": "/user", "query": {"_method": "DELETE"}}', 403),
    (b'{"method": "POST", "path": "/repos/o/r/issues", "body": {"token": "x"}}', 403),
    (b'{"method": "POST", "path": "/repos/o/r/issues", "body": {"title": "\\ud800"}}', 403),
    (b'{"method": "POST", "path": "/repos/o/r/issues", "body": ' + b"[" * 100_000 + b"}", 400),
]


async def test_a_request_that_can_be_read_in_two_ways_is_refused(desk: ProxyDesk) -> None:
    for content, status in AMBIGUOUS:
        response = await desk.http.post("/workspace/api/github/proxy", content=content, headers=desk.bearer())
        assert response.status_code == status, (content[:80], response.text)
    assert desk.raw.asked == []


async def test_more_parameters_and_larger_bodies_than_the_caps_are_refused(vault: Vault) -> None:
    async with proxy_desk(vault, limits=Limits(request_bytes=2048)) as desk:
        await desk.link("github")
        await desk.link("slack")
        many = await desk.call("github", query={f"a{number}": "x" for number in range(51)})
        long = await desk.call("github", query={"a": "x" * 9000})
        large = await desk.call("github", "POST", "/repos/o/r/issues", body={"title": "x" * 3000})
        huge = await desk.call("github", "POST", "/repos/o/r/issues", body={"title": "x" * 30_000})
        shape = await desk.call("slack", "POST", "/conversations.list", body=["x"])
        assert [found.status_code for found in (many, long, large, huge, shape)] == [400, 400, 413, 413, 400]
        assert desk.raw.asked == []


async def test_a_caller_that_goes_away_starts_nothing() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b'{"method": "GET", ', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    with pytest.raises(BodyRefused, match="went away"):
        await read_asked(Request({"type": "http", "method": "POST", "headers": []}, receive), 1000)


async def test_front_ends_of_the_exact_list_may_call_from_a_browser(desk: ProxyDesk) -> None:
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    for origin, allowed in (("https://front.example", True), ("https://front.example.evil", False), ("null", False)):
        preflight = await desk.http.options("/workspace/api/github/proxy", headers={"origin": origin, **asks})
        assert (preflight.status_code == 200) is allowed
        response = await desk.call("github", headers={**desk.bearer(), "origin": origin})
        assert (response.headers.get("access-control-allow-origin") == origin) is allowed
        assert "access-control-allow-credentials" not in response.headers


async def _events(desk: ProxyDesk):  # type: ignore[no-untyped-def]
    return await desk.vault.events("proxy.call")


def test_every_rule_is_written_as_it_can_match() -> None:
    seen = set[tuple[str, str]]()
    for provider, rules in RULES.items():
        for rule in rules:
            assert rule.method in METHODS
            assert rule.template.startswith("/")
            assert not rule.template.endswith("/")
            assert rule.reads or rule.method != "GET"
            assert (provider, rule.name) not in seen
            seen.add((provider, rule.name))
    assert json.dumps(sorted(RULES)) == '["coda", "github", "jira", "notion", "slack"]'

"""Calls of a provider's API: which token goes out, what is repeated, what is kept, and what every refusal means."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from proxy_desk import ISSUER, ProxyDesk, proxy_desk
from raw_upstream import answer, cut, silent
from vaults import Vault

from gatelodge.connections.api_errors import ApiLimited, ApiRefused, ApiUnavailable
from gatelodge.connections.api_paths import PathRefused
from gatelodge.connections.errors import ConnectionMissing, NeedsReauth, ProviderMisconfigured, ProviderUnavailable
from gatelodge.connections.upstream import ApiAnswer, Limits
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import UpstreamAnswerUnusable
from gatelodge.vault.owner import Owner, service

REFRESH = {"refresh_token": Secret("canary-r0")}
NEW = {"access_token": "canary-a1", "refresh_token": "canary-r1", "expires_in": 3600}
UNAUTHORIZED = answer(401, {"message": "Bad credentials"})


@pytest.fixture
async def desk(vault: Vault) -> AsyncIterator[ProxyDesk]:
    async with proxy_desk(vault, limits=Limits(seconds=60.0)) as made:
        yield made


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
async def test_a_refused_token_is_renewed_and_the_call_repeated_once(desk: ProxyDesk, method: str) -> None:
    owner = await desk.link("github", secrets=REFRESH)
    desk.raw.will(UNAUTHORIZED, answer(200, NEW), answer(200, {"done": 1}))
    body = {"json": {"title": "t"}} if method in {"POST", "PATCH"} else {}
    done = await desk.send(owner, method, "/repos/o/r/issues", **body)
    assert done.json() == {"done": 1}
    call = f"{method} /repos/o/r/issues"
    assert desk.raw.targets == [call, "POST /token", call]
    assert [asked.token for asked in desk.raw.asked] == ["canary-a0", "", "canary-a1"]
    assert desk.raw.asked[0].body == desk.raw.asked[2].body


async def test_a_second_refusal_is_told_and_not_repeated_again(desk: ProxyDesk) -> None:
    owner = await desk.link("github", secrets=REFRESH)
    desk.raw.will(UNAUTHORIZED, answer(200, NEW), UNAUTHORIZED)
    with pytest.raises(ApiRefused) as caught:
        await desk.send(owner)
    assert (caught.value.provider_status, caught.value.status, caught.value.message) == (401, 502, "Bad credentials")
    assert len(desk.raw.asked) == 3


async def test_slacks_dead_token_in_a_200_is_renewed_like_a_401(desk: ProxyDesk) -> None:
    owner = await desk.link("slack", secrets=REFRESH)
    desk.raw.will(answer(200, {"ok": False, "error": "token_expired"}), answer(200, {"ok": True, **NEW}))
    done = await desk.send(owner, "POST", "/conversations.list", form={"limit": "1"}, reads=True, credential="bot")
    assert done.json() == {"ok": True}
    assert [asked.token for asked in desk.raw.asked if "token" not in asked.target] == ["canary-a0", "canary-a1"]


async def test_a_401_about_a_scope_renews_nothing(desk: ProxyDesk) -> None:
    owner = await desk.link("jira", secrets=REFRESH)
    desk.raw.will(answer(401, {"code": 401, "message": "Unauthorized; scope does not match"}))
    with pytest.raises(ApiRefused) as caught:
        await desk.send(owner, path="/rest/api/3/myself")
    assert caught.value.provider_status == 401
    assert len(desk.raw.asked) == 1


async def test_a_refused_token_that_cannot_be_renewed_ends_the_link(desk: ProxyDesk) -> None:
    owner = await desk.link("coda")
    desk.raw.will(UNAUTHORIZED)
    with pytest.raises(NeedsReauth):
        await desk.send(owner, path="/whoami")
    with pytest.raises(NeedsReauth):
        await desk.send(owner, path="/whoami")
    assert len(desk.raw.asked) == 1


async def test_many_callers_with_a_refused_token_make_one_refresh(desk: ProxyDesk) -> None:
    owner = await desk.link("github", secrets=REFRESH)

    async def by_token(request: Any, writer: Any) -> None:
        if request.target == "/token":
            await answer(200, NEW)(request, writer)
        else:
            good = request.token == "canary-a1"
            await answer(200 if good else 401, {"good": good})(request, writer)

    desk.raw.otherwise = by_token
    found = await asyncio.gather(*(desk.send(owner, path="/user/orgs") for _ in range(30)))
    assert all(done.json() == {"good": True} for done in found)
    assert desk.raw.targets.count("POST /token") == 1


async def test_a_read_that_got_no_answer_is_repeated_once(desk: ProxyDesk) -> None:
    owner = await desk.link("github")
    desk.raw.will(cut)
    assert (await desk.send(owner)).status == 200
    assert len(desk.raw.asked) == 2
    desk.raw.will(cut, cut)
    with pytest.raises(ProviderUnavailable) as caught:
        await desk.send(owner, path="/user/orgs")
    assert caught.value.sent
    assert len(desk.raw.asked) == 4
    desk.raw.will(cut)
    await desk.send(owner, "POST", "/search", json={}, reads=True)
    assert len(desk.raw.asked) == 6, "a POST that only reads is repeated too"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_change_whose_bytes_left_is_never_repeated(desk: ProxyDesk, method: str) -> None:
    owner = await desk.link("github")
    for step in (cut, answer(503, {})):
        desk.raw.asked.clear()
        desk.raw.will(step)
        with pytest.raises(ProviderUnavailable) as caught:
            await desk.send(owner, method, "/repos/o/r/issues/1")
        assert caught.value.sent
        assert len(desk.raw.asked) == 1


async def test_a_call_that_never_left_is_tried_twice(vault: Vault) -> None:
    async with proxy_desk(vault, urls={"github": "http://127.0.0.1:9"}) as desk:
        owner = await desk.link("github")
        with pytest.raises(ProviderUnavailable) as caught:
            await desk.send(owner, "POST", "/repos/o/r/issues", json={})
        assert not caught.value.sent
        assert "canary" not in str(caught.value)


async def test_the_whole_call_has_one_time_limit(vault: Vault) -> None:
    async with proxy_desk(vault, limits=Limits(seconds=0.2)) as desk:
        owner = await desk.link("github")
        desk.raw.otherwise = silent
        with pytest.raises(ProviderUnavailable, match=r"no whole answer within 0\.2 s"):
            await desk.send(owner)


async def test_a_change_whose_token_could_not_be_renewed_was_not_made(vault: Vault) -> None:
    async with proxy_desk(vault, limits=Limits(seconds=0.2)) as desk:
        pair = {"access_token": Secret("canary-a0"), "refresh_token": Secret("canary-r0")}
        owner = await desk.link("github", secrets=pair, expires_at=vault.clock.now())
        for step in (silent, answer(502, {})):
            desk.raw.will(step)
            with pytest.raises(ProviderUnavailable) as caught:
                await desk.send(owner, "POST", "/repos/o/r/issues", json={})
            assert not caught.value.sent, "whatever became of the refresh"
            assert {line.split()[1] for line in desk.raw.targets} <= {"/token"}
            await desk.tokens.aclose()
            vault.clock.advance(60)


async def test_a_caller_that_is_cancelled_leaves_no_connection_in_use(desk: ProxyDesk) -> None:
    owner = await desk.link("github")
    begun = asyncio.Event()

    async def hang(request: Any, writer: Any) -> None:
        begun.set()
        await silent(request, writer)

    desk.raw.will(hang)
    task = asyncio.create_task(desk.send(owner))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await desk.send(owner)).status == 200


async def test_answers_and_bodies_over_the_cap_are_refused(vault: Vault) -> None:
    async with proxy_desk(vault, limits=Limits(answer_bytes=1000, request_bytes=100)) as desk:
        owner = await desk.link("github")
        desk.raw.otherwise = answer(raw=b"x" * 900)
        assert len((await desk.send(owner)).body) == 900
        with pytest.raises(UpstreamAnswerUnusable):
            await desk.send(owner, max_bytes=899)
        desk.raw.otherwise = answer(raw=b"x" * 1001)
        with pytest.raises(UpstreamAnswerUnusable):
            await desk.send(owner, path="/user/orgs", max_bytes=10_000)
        with pytest.raises(ApiRefused) as caught:
            await desk.send(owner, "POST", "/repos/o/r/issues", json={"t": "x" * 100})
        assert caught.value.provider_status == 413


async def test_jiras_calls_go_to_a_site_of_the_link_only(desk: ProxyDesk) -> None:
    owner = await desk.link("jira")
    await desk.send(owner, path="/rest/api/3/field")
    await desk.send(owner, path="/rest/api/3/field", site="c2")
    await desk.send(owner, path="/me")
    assert desk.raw.targets == [
        "GET /ex/jira/c1/rest/api/3/field",
        "GET /ex/jira/c2/rest/api/3/field",
        "GET /me",
    ]
    with pytest.raises(ConnectionMissing):
        await desk.send(owner, path="/rest/api/3/field", site="c3")
    await desk.vault.store.put(owner, {"access_token": Secret("canary-a0")}, actor="test")
    with pytest.raises(ConnectionMissing):
        await desk.send(owner, path="/rest/api/3/field")


async def test_the_credential_decides_whose_token_goes_out(desk: ProxyDesk) -> None:
    owner = await desk.link("slack", token="canary-bot", secrets={"user_access_token": Secret("canary-own")})
    await desk.send(owner, path="/auth.test")
    await desk.send(owner, path="/auth.test", credential="bot")
    await desk.vault.store.put(service("coda"), {"api_token": Secret("canary-service")}, actor="test")
    await desk.upstream.send(owner, "coda", "GET", "/docs", purpose="test", credential="service")
    assert [asked.token for asked in desk.raw.asked] == ["canary-own", "canary-bot", "canary-service"]
    other = Owner(ISSUER, "alice", "notion")
    await desk.link("github")
    await desk.upstream.send(other, "github", "GET", "/user", purpose="test")
    assert desk.raw.asked[-1].token == "canary-a0", "the provider named in the call counts"
    with pytest.raises(ConnectionMissing):
        await desk.send(Owner(ISSUER, "bob", "slack"), path="/auth.test")


async def test_callers_may_choose_the_form_of_an_answer_and_no_other_header(desk: ProxyDesk) -> None:
    owner = await desk.link("github")
    asked = {"Accept": "application/vnd.github.raw+json", "Authorization": "Bearer x", "Cookie": "x", "Host": "x"}
    await desk.send(owner, headers=asked)
    headers = dict(desk.raw.asked[0].headers)
    assert headers["accept"] == "application/vnd.github.raw+json"
    assert headers["authorization"] == "Bearer canary-a0"
    assert "cookie" not in headers
    assert headers["host"].startswith("127.0.0.1:")


async def test_what_cannot_be_sent_is_refused_before_a_token_is_read(desk: ProxyDesk) -> None:
    owner = await desk.link("github")
    wrong: tuple[dict[str, Any], ...] = (
        {"path": "user"},
        {"path": "/a/../b"},
        {"json": {"a": float("nan")}},
        {"query": {"a": "\ud800"}},
    )
    for more in wrong:
        with pytest.raises(PathRefused):
            await desk.send(owner, **{"method": "POST", "path": "/a", **more})
    with pytest.raises(ProviderMisconfigured):
        await desk.upstream.send(owner, "gitlab", "GET", "/user", purpose="test")
    assert await desk.vault.events("vault.get") == []


def test_an_answer_is_json_in_utf_8_or_none() -> None:
    assert ApiAnswer(200, {}, b" ").json() is None
    assert ApiAnswer(200, {}, b'[1, "\xc3\xbc"]').json() == [1, "ü"]
    for body in (b"\xff", "{}".encode("utf-16"), b"NaN", b"{", b"\xef\xbb\xbf{}", b"[" * 100_000):
        with pytest.raises(UpstreamAnswerUnusable):
            ApiAnswer(200, {}, body).json()


KEPT = {
    "github": ("/user", "/users/o", "/user/repos", "/users/o/repos", "/repos/o/r"),
    "jira": ("/rest/api/3/myself",),
    "notion": ("/users/me",),
    "slack": ("/users.info", "/auth.test"),
    "coda": ("/whoami",),
}


@pytest.mark.parametrize("provider", KEPT)
async def test_answers_about_users_are_kept_for_five_minutes_and_repositories_for_one(
    desk: ProxyDesk, provider: str
) -> None:
    owner = await desk.link(provider)
    for path in KEPT[provider]:
        desk.raw.asked.clear()
        first = await desk.send(owner, path=path)
        again = await desk.send(owner, path=path)
        assert (first.kept, again.kept, again.json()) == (False, True, first.json())
        seconds = 60 if "repos" in path else 300
        desk.vault.clock.advance(seconds - 1)
        assert (await desk.send(owner, path=path)).kept
        desk.vault.clock.advance(1)
        assert not (await desk.send(owner, path=path)).kept
        assert len(desk.raw.asked) == 2


async def test_other_answers_are_not_kept(desk: ProxyDesk) -> None:
    owner = await desk.link("github")
    for path in ("/user/orgs", "/search/issues", "/repos/o/r/issues", "/rate_limit"):
        assert not (await desk.send(owner, path=path)).kept
        assert not (await desk.send(owner, path=path)).kept
    await desk.send(owner, query={"page": 1})
    assert not (await desk.send(owner, query={"page": 2})).kept
    assert not (await desk.send(owner, headers={"accept": "text/plain"})).kept
    for status in (202, 204):
        desk.raw.will(answer(status))
        await desk.send(owner, path="/users/x")
    assert not (await desk.send(owner, path="/users/x")).kept


async def test_a_kept_answer_is_for_one_user_and_one_token(desk: ProxyDesk) -> None:
    alice, bob = await desk.link("github"), await desk.link("github", "bob", "canary-b0")
    await desk.send(alice)
    assert not (await desk.send(bob)).kept
    same = await desk.link("github", "carol", "canary-a0")
    assert not (await desk.send(same)).kept, "not even for the same token in another's hands"
    await desk.link("github", token="canary-relinked")
    assert not (await desk.send(alice)).kept
    assert (await desk.send(alice)).kept
    await desk.vault.store.delete(alice, actor="test")
    with pytest.raises(ConnectionMissing):
        await desk.send(alice)


async def test_any_write_of_the_same_user_drops_what_is_kept_even_a_failed_one(desk: ProxyDesk) -> None:
    owner, bob = await desk.link("github"), await desk.link("github", "bob", "canary-b0")
    for step in (answer(201, {}), answer(422, {}), cut):
        await desk.send(owner, path="/repos/o/r")
        await desk.send(bob, path="/repos/o/r")
        desk.raw.will(step)
        with suppress(ApiRefused, ProviderUnavailable):
            await desk.send(owner, "POST", "/repos/o/r/issues", json={})
        assert not (await desk.send(owner, path="/repos/o/r")).kept
        assert (await desk.send(bob, path="/repos/o/r")).kept
    await desk.send(owner, "POST", "/search", json={}, reads=True)
    assert (await desk.send(owner, path="/repos/o/r")).kept, "a POST that only reads drops nothing"
    desk.upstream.forget(owner)
    assert not (await desk.send(owner, path="/repos/o/r")).kept


async def test_an_answer_that_was_under_way_during_a_write_is_not_kept(desk: ProxyDesk) -> None:
    owner = await desk.link("github")
    begun, written = asyncio.Event(), asyncio.Event()

    async def late(request: Any, writer: Any) -> None:
        begun.set()
        await written.wait()
        await answer(200, {"old": True})(request, writer)

    desk.raw.will(late)
    read = asyncio.create_task(desk.send(owner, path="/repos/o/r"))
    await begun.wait()
    await desk.send(owner, "PATCH", "/repos/o/r/issues/1", json={})
    written.set()
    assert (await read).json() == {"old": True}
    assert not (await desk.send(owner, path="/repos/o/r")).kept


@pytest.mark.parametrize(
    ("headers", "lives"),
    [
        ({}, 300),
        ({"cache-control": "private, max-age=60, s-maxage=60"}, 60),
        ({"cache-control": "max-age=60", "age": "50"}, 10),
        ({"cache-control": "max-age=9999"}, 300),
        ({"cache-control": 'Max-Age="30"'}, 30),
        ({"cache-control": "no-store"}, 0),
        ({"cache-control": "private, No-Cache"}, 0),
        ({"cache-control": "max-age=0"}, 0),
        ({"cache-control": "max-age=-1"}, 0),
        ({"cache-control": "max-age=x"}, 0),
        ({"cache-control": "max-age=60", "age": "x"}, 0),
        ({"pragma": "no-cache"}, 0),
        ({"vary": "*"}, 0),
        ({"vary": "Accept"}, 300),
    ],
)
def test_cache_control_shortens_the_life_of_an_answer(headers: dict[str, str], lives: int) -> None:
    from gatelodge.connections.cache import lifetime

    assert lifetime(headers, 300.0) == lives


async def test_a_limit_is_told_with_its_wait_and_nothing_is_tried_again(desk: ProxyDesk) -> None:
    owner = await desk.link("notion")
    desk.raw.will(answer(429, {"code": "rate_limited"}, {"retry-after": "17"}), answer(529, {}, {"retry-after": "3"}))
    with pytest.raises(ApiLimited) as limited:
        await desk.send(owner, path="/users")
    assert (limited.value.retry_after, limited.value.error, limited.value.status) == (17.0, "rate_limited", 429)
    with pytest.raises(ApiUnavailable) as loaded:
        await desk.send(owner, path="/users")
    assert (loaded.value.retry_after, loaded.value.provider_status) == (3.0, 529)
    assert len(desk.raw.asked) == 2

"""What an upstream can do to us with its answer (catalogue of attacks, M15), and what leaves with a request."""

import gzip
import json
from collections.abc import Mapping

import httpx2
import pytest
from proxy_desk import ProxyDesk, proxy_desk
from raw_upstream import RawRequest, answer, cut, raw_upstream, silent
from vaults import Vault

from gatelodge.connections.upstream import Limits

OURS = {"cache-control", "content-length", "content-type", "vary", "x-content-type-options"}
HOSTILE: Mapping[str, str] = {
    "set-cookie": "session=evil; Path=/",
    "authorization": "Bearer evil",
    "location": "https://evil.example/",
    "www-authenticate": "Bearer evil",
    "access-control-allow-origin": "*",
    "access-control-allow-credentials": "true",
    "content-security-policy": "default-src *",
    "refresh": "0; url=https://evil.example/",
    "keep-alive": "timeout=5",
    "proxy-authenticate": "Basic",
    "te": "trailers",
    "trailer": "x-late",
    "upgrade": "h2c",
    "x-accel-redirect": "/internal",
    "clear-site-data": '"*"',
    "retry-after": "1",
    "server": "evil",
    "link": '<https://api.github.com/user/repos?page=2>; rel="next"',
}


async def test_nothing_of_an_answer_becomes_a_header_of_ours(desk: ProxyDesk) -> None:
    desk.raw.otherwise = answer(200, {"login": "a"}, HOSTILE)
    response = await desk.call("github", path="/user/orgs")
    assert response.json()["body"] == {"login": "a"}
    assert set(response.headers) == OURS
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json()["headers"] == {"link": HOSTILE["link"]}
    await desk.call("github", path="/user/orgs")
    assert "cookie" not in dict(desk.raw.asked[1].headers), (
        "a cookie of one answer never goes out with the next request"
    )


async def test_redirects_are_not_followed_wherever_they_lead(desk: ProxyDesk) -> None:
    async with raw_upstream() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            # One below the provider's own API is told, as for a renamed repository.
            own = (f"{desk.raw.url}/repositories/7", "/repositories/7") if status != 303 else ()
            away = (f"{elsewhere.url}/steal", "//evil.example/", f"{desk.raw.url}.evil.example/", "?", "http://[")
            for place in (*away, *own):
                desk.raw.asked.clear()
                desk.raw.will(answer(status, {}, {"location": place}))
                response = await desk.call("github", path="/repos/o/r")
                said = response.json()["provider"]
                assert (response.status_code, said["status"]) == (404 if place in own else 502, status)
                assert ("now at /repositories/7;" in said.get("message", "")) is (place in own)
                assert "evil" not in response.text
                assert "location" not in response.headers
                assert len(desk.raw.asked) == 1
        assert elsewhere.asked == []


UNUSABLE = [
    answer(raw=b"<html><script>alert(1)</script></html>", headers={"content-type": "text/html"}),
    answer(raw=b'{"a": "\xff\xfe"}'),
    answer(raw='{"a": 1}'.encode("utf-16")),
    answer(raw=b'{"a": NaN}'),
    answer(raw=b"[" * 200_000),
    answer(raw=gzip.compress(b'{"a": 1}'), headers={"content-encoding": "gzip"}),
    answer(raw=b'{"a": "' + b"x" * 70_000 + b'"}'),
    answer(raw=b'{"token": "canary-a0"}'),
    answer(400, {"message": "bad token canary-a0"}),
]


async def test_an_answer_that_is_not_what_was_asked_for_is_a_typed_error(vault: Vault) -> None:
    async with proxy_desk(vault, limits=Limits(answer_bytes=65_536)) as desk:
        await desk.link("github")
        for step in UNUSABLE:
            desk.raw.otherwise = step
            response = await desk.call("github", path="/user/orgs")
            assert (response.status_code, response.json()["error"]) == (502, "upstream_answer_unusable")
            assert "canary" not in response.text
            assert "alert(" not in response.text


async def test_answers_that_end_early_late_or_not_at_all_are_typed_errors(vault: Vault) -> None:
    async def broken_head(_: RawRequest, writer) -> None:  # type: ignore[no-untyped-def]
        writer.write(b"HTTP/1.1 200 OK\r\nx: a\x00b\r\nset-cookie\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async def short(_: RawRequest, writer) -> None:  # type: ignore[no-untyped-def]
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"a":')
        await writer.drain()
        writer.close()

    async with proxy_desk(vault, limits=Limits(seconds=0.3)) as desk:
        await desk.link("github")
        for step in (silent, cut, broken_head, short):
            desk.raw.otherwise = step
            response = await desk.call("github", path="/user/orgs")
            assert (response.status_code, response.json()["error"]) == (502, "provider_unavailable"), step


async def test_a_line_separator_and_a_long_number_pass_as_they_came(desk: ProxyDesk) -> None:
    raw = '{"a": "\u2028\u2029</script>", "n": 123456789012345678901234567890.10, "e": "\\ud83d\\ude00"}'
    desk.raw.will(answer(raw=raw.encode()), answer(204), answer(202, {"requestId": "r"}), answer(200, [1, 2]))
    first = await desk.call("github", path="/user/orgs")
    assert raw.encode() in first.content
    empty = await desk.call("github", path="/user/orgs")
    assert (empty.json()["status"], empty.json()["body"]) == (204, None)
    later = await desk.call("github", path="/user/orgs")
    assert (later.json()["status"], later.json()["body"]) == (202, {"requestId": "r"})
    assert (await desk.call("github", path="/user/orgs")).json()["body"] == [1, 2]


async def test_the_words_of_an_error_are_cleaned_and_cut(desk: ProxyDesk) -> None:
    words = "bad\r\nset-cookie: x\x1b[31m\u202e\u200b\U000e0041 value " + "x" * 1000
    desk.raw.will(answer(422, {"message": words, "errors": [{"field": "title", "code": "missing"}]}))
    response = await desk.call("github", "POST", "/repos/o/r/issues", body={"title": ""})
    message = response.json()["provider"]["message"]
    assert response.status_code == 422
    assert message.startswith("bad set-cookie: x[31m value xxx")
    assert len(message) == 500
    assert message.isprintable()


async def test_no_part_of_the_callers_request_but_the_call_reaches_the_provider(desk: ProxyDesk) -> None:
    inbound = desk.bearer()
    headers = {
        **inbound,
        "cookie": "canary-cookie=1",
        "x-forwarded-for": "canary-forwarded",
        "x-forwarded-host": "canary-host",
        "forwarded": "for=canary",
        "proxy-authorization": "Basic canary",
        "x-api-key": "canary-key",
        "x-http-method-override": "DELETE",
        "connection": "x-canary",
        "x-canary": "canary",
        "te": "trailers",
        "accept": "text/html, canary",
        "accept-language": "canary",
        "user-agent": "canary-agent",
        "referer": "https://canary.example/",
        "origin": "https://front.example",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "idempotency-key": "canary",
    }
    for provider, method, path in (("github", "GET", "/user"), ("github", "POST", "/repos/o/r/issues")):
        await desk.call(
            provider, method, path, headers=headers, **({"body": {"title": "t"}} if method == "POST" else {})
        )
    token = inbound["authorization"].removeprefix("Bearer ")
    assert len(desk.raw.asked) == 2
    for asked in desk.raw.asked:
        assert asked.token == "canary-a0"
        assert token not in asked.everything
        assert "canary" not in asked.everything.replace("canary-a0", "")
        names = {name for name, _ in asked.headers}
        allowed = {"host", "accept", "accept-encoding", "connection", "user-agent", "x-github-api-version"}
        assert names <= allowed | {"authorization", "content-type", "content-length"}


async def test_no_token_shows_in_logs_errors_or_the_audit_trail(
    desk: ProxyDesk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    inbound = desk.bearer()["authorization"].removeprefix("Bearer ")
    seen = list[httpx2.Response]()
    for step in (answer(401, {"message": "Bad credentials"}), cut, cut, answer(500, {}), answer(200, {"a": 1})):
        desk.raw.will(step)
        seen.append(await desk.call("github", path="/user/orgs", query={"q": "secret-query"}))
    trail = json.dumps([dict(found.event.subject) for found in await desk.vault.events()])
    shown = caplog.text + trail + "".join(found.text + repr(found.headers) for found in seen)
    # The first refusal ends a link that cannot be renewed, so later calls are refused before they are sent.
    assert [found.status_code for found in seen] == [409] * 5
    assert "canary-a0" not in shown
    assert inbound not in shown

"""Keeping documents: freshness, outages, withdrawal, one fetch at a time, the disk, the well-known ones."""

import asyncio
import json
import logging
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from document_host import Site, resolver_of
from joserfc.jwk import ECKey, OctKey

from gatelodge.outbound.guard import GuardedOutbound
from gatelodge.registration.documents.errors import (
    ClientIdInvalid,
    DocumentInvalid,
    DocumentUnavailable,
    DocumentWithdrawn,
    KeysUnavailable,
)
from gatelodge.registration.documents.hosts import DocumentHosts
from gatelodge.registration.documents.known import KnownDocument
from gatelodge.registration.documents.store import DocumentStore
from gatelodge.testing.clock import ManualClock

HOST = "https://client.example.com"
CLIENT = f"{HOST}/c.json"
DAY = 86_400
KEY = ECKey.generate_key("P-256", {"kid": "a", "use": "sig"}).as_dict(private=False)


def document(client_id: str = CLIENT, **members: Any) -> dict[str, Any]:
    return {"client_id": client_id, "redirect_uris": ["http://127.0.0.1/callback"], **members}


def answer(body: Any, status: int = 200, **headers: str) -> httpx2.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, headers=sent, content=json.dumps(body).encode())


class Bench:
    """A store over one scripted host, with a clock to turn."""

    def __init__(self, state: Path | None, **options: Any) -> None:
        self.site, self.clock, self.state, self.options = Site(), ManualClock(), state, options
        self.store = self.restarted()

    def restarted(self) -> DocumentStore:
        fetch = GuardedOutbound(resolver=resolver_of(["93.184.216.34"]), transport=self.site)
        hosts = DocumentHosts(frozenset({"trusted.example"}), {})
        self.store = DocumentStore(fetch, hosts=hosts, clock=self.clock, state=self.state, **self.options)
        return self.store

    def serves(self, body: Any, path: str = "/c.json", **headers: str) -> None:
        self.site.answers[path] = answer(body, 200, **headers)

    async def source(self, client_id: str = CLIENT) -> str:
        return (await self.store.get(client_id)).source


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.store.aclose()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 300),
        ({"cache_control": "max-age=0"}, 300),
        ({"cache_control": "no-store, max-age=9999"}, 300),
        ({"cache_control": "public, max-age=1000"}, 1000),
        ({"cache_control": "max-age=1000", "age": "400"}, 600),
        ({"cache_control": "max-age=999999999"}, DAY),
        ({"cache_control": "max-age=x"}, 300),
        ({"expires": "Wed, 15 Nov 2023 00:13:20 GMT", "date": "Tue, 14 Nov 2023 22:13:20 GMT"}, 7200),
        ({"expires": "0"}, 300),
    ],
)
async def test_a_copy_is_used_as_long_as_its_headers_say_within_bounds(
    bench: Bench, headers: dict[str, str], seconds: int
) -> None:
    bench.serves(document(), **headers)
    assert await bench.source() == "fetched"
    bench.clock.advance(seconds - 1)
    assert await bench.source() == "cached"
    bench.clock.advance(2)
    assert await bench.source() == "fetched"
    assert len(bench.site.asked) == 2


async def test_a_copy_is_confirmed_by_its_etag_without_its_body(bench: Bench) -> None:
    bench.serves(document(), etag='"one"')
    await bench.source()
    bench.clock.advance(301)
    held = await bench.store.get(CLIENT)
    assert (held.source, held.changed) == ("fetched", False)
    assert bench.site.asked[1].headers["if-none-match"] == '"one"'
    assert await bench.source() == "cached"


async def test_a_changed_document_is_told_once_and_an_irrelevant_change_is_none(bench: Bench) -> None:
    seen = []
    for body in (document(), document(x="y"), document(client_name="New"), document(client_name="New")):
        bench.serves(body)
        seen.append((await bench.store.get(CLIENT)).changed)
        bench.clock.advance(301)
    assert seen == [False, False, True, False]


@pytest.mark.parametrize("outage", [None, 500, 429, 302, 204, "html"])
async def test_a_stale_copy_serves_through_an_outage_for_thirty_days(bench: Bench, outage: Any) -> None:
    bench.serves(document())
    await bench.source()
    del bench.site.answers["/c.json"]
    if outage == "html":
        bench.site.answers["/c.json"] = httpx2.Response(200, html="<h1>Sign in to this network</h1>")
    elif outage:
        bench.site.answers["/c.json"] = answer({}, outage, location=f"{HOST}/d.json")
    bench.clock.advance(29 * DAY)
    assert [await bench.source() for _ in range(5)] == ["stale"] * 5
    assert len(bench.site.asked) == 2
    bench.clock.advance(2 * DAY)
    with pytest.raises(DocumentUnavailable):
        await bench.source()
    bench.clock.advance(61)
    bench.serves(document())
    assert await bench.source() == "fetched"


@pytest.mark.parametrize("status", [404, 410])
async def test_a_withdrawn_document_is_told_even_through_an_outage_and_comes_back(bench: Bench, status: int) -> None:
    bench.serves(document())
    await bench.source()
    bench.clock.advance(301)
    bench.site.answers["/c.json"] = answer({}, status)
    for _ in range(3):
        with pytest.raises(DocumentWithdrawn):
            await bench.source()
    assert bench.store.held() == (CLIENT,)
    del bench.site.answers["/c.json"]
    bench.clock.advance(61)
    with pytest.raises(DocumentWithdrawn):
        await bench.restarted().get(CLIENT)
    bench.clock.advance(61)
    bench.serves(document())
    assert await bench.source() == "fetched"
    bench.site.answers["/c.json"] = answer({}, status)
    bench.clock.advance(31 * DAY)
    with pytest.raises(DocumentWithdrawn):
        await bench.source()
    assert bench.store.held() == ()


@pytest.mark.parametrize("body", [[], document("https://evil.example/c.json"), document(x="x" * 6000), {}])
async def test_a_bad_document_is_asked_for_once_a_minute(bench: Bench, body: Any) -> None:
    bench.serves(body)
    for _ in range(20):
        with pytest.raises((DocumentInvalid, DocumentUnavailable)):
            await bench.source()
    assert len(bench.site.asked) == 1
    bench.clock.advance(61)
    bench.serves(document())
    assert await bench.source() == "fetched"


async def test_a_document_that_turned_bad_is_not_served_from_the_copy(bench: Bench) -> None:
    bench.serves(document())
    await bench.source()
    bench.clock.advance(301)
    bench.serves(document(redirect_uris=["https://evil.example/"]))
    for _ in range(2):
        with pytest.raises(DocumentInvalid):
            await bench.source()


async def test_fifty_callers_at_once_make_one_fetch_and_one_that_leaves_does_not_end_it(bench: Bench) -> None:
    bench.serves(document())
    bench.site.gate = asyncio.Event()
    callers = [asyncio.create_task(bench.store.get(CLIENT)) for _ in range(50)]
    await bench.site.reached.wait()
    callers[0].cancel()
    bench.site.gate.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["CancelledError"] + ["Held"] * 49
    assert len(bench.site.asked) == 1


async def test_strangers_fetches_at_one_time_are_bounded_and_trusted_hosts_are_not_held_up(bench: Bench) -> None:
    bench.site.gate = asyncio.Event()
    waiting = [asyncio.create_task(bench.store.get(f"{HOST}/{number}.json")) for number in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(DocumentUnavailable, match="Too many"):
        await bench.source()
    trusted = asyncio.create_task(bench.source("https://trusted.example/c.json"))
    bench.serves(document("https://trusted.example/c.json"))
    bench.site.gate.set()
    assert await trusted == "fetched"
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_copies_survive_a_restart_and_are_private_files(bench: Bench, tmp_path: Path) -> None:
    bench.serves(document(), cache_control="max-age=1000")
    await bench.source()
    (file,) = (tmp_path / "documents").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    held = await bench.restarted().get(CLIENT)
    assert (held.source, held.document.client_id, len(bench.site.asked)) == ("cached", CLIENT, 1)


@pytest.mark.parametrize(
    "damage",
    [b"", b"[]", b"{", b'{"url": 1}', b"[" * 9999, None, "https://evil.example/", '{"a": 1, "a": 2}'],
)
async def test_a_damaged_or_foreign_file_is_no_copy(bench: Bench, tmp_path: Path, damage: Any) -> None:
    bench.serves(document())
    await bench.source()
    (file,) = (tmp_path / "documents").iterdir()
    if damage is None:
        file.chmod(0o622)
    elif isinstance(damage, bytes):
        file.write_bytes(damage)
    else:
        copy = json.loads(file.read_bytes())
        copy["body"] = json.dumps(document(redirect_uris=[damage])) if "https" in damage else damage
        file.write_text(json.dumps(copy))
    bench.restarted()
    assert await bench.source() == "fetched"


async def test_the_number_of_copies_is_bounded_and_trusted_ones_stay(tmp_path: Path) -> None:
    small = Bench(tmp_path, limit=5)
    trusted = "https://trusted.example/c.json"
    small.serves(document(trusted))
    await small.source(trusted)
    for number in range(12):
        client = f"{HOST}/{number}.json"
        small.serves(document(client), path=f"/{number}.json")
        await small.source(client)
    wanted = {trusted, *(f"{HOST}/{number}.json" for number in range(8, 12))}
    assert set(small.store.held()) == wanted
    assert len(list((tmp_path / "documents").iterdir())) == 5
    assert set(small.restarted().held()) == wanted


async def test_a_well_known_document_serves_when_its_own_cannot_be_fetched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = KnownDocument("2026-11-20", json.dumps(document(client_name="Known")).encode(), "a test")
    bench = Bench(tmp_path, known={CLIENT: known})
    held = await bench.store.get(CLIENT)
    assert (held.source, held.document.name) == ("known", "Known")
    bench.clock.advance(61)
    bench.serves(document(client_name="Other"))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await bench.source()
            bench.clock.advance(301)
    reports = [record.getMessage() for record in caplog.records if "differs" in record.getMessage()]
    assert reports == [f"the document of {CLIENT} differs from the one seen on 2026-11-20 in: client_name"]
    del bench.site.answers["/c.json"]
    assert await bench.source() == "stale"
    bench.site.answers["/c.json"] = answer({}, 404)
    bench.clock.advance(61)
    with pytest.raises(DocumentWithdrawn):
        await bench.source()


async def test_keys_of_a_client_come_from_its_host_and_follow_within_minutes(bench: Bench) -> None:
    signed = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": f"{HOST}/keys"}
    bench.serves(document(**signed), cache_control="max-age=86400")
    with pytest.raises(KeysUnavailable):
        await bench.store.keys(CLIENT)
    bench.clock.advance(61)
    bench.serves({"keys": [KEY | {"x5u": "https://evil.example/"}]}, path="/keys", cache_control="max-age=86400")
    assert await bench.store.keys(CLIENT) == {"keys": [KEY]}
    second = KEY | {"kid": "b"}
    bench.serves({"keys": [KEY, second]}, path="/keys")
    bench.clock.advance(301)
    assert await bench.store.keys(CLIENT) == {"keys": [KEY, second]}
    del bench.site.answers["/keys"]
    bench.clock.advance(DAY)
    assert await bench.store.keys(CLIENT) == {"keys": [KEY, second]}


async def test_keys_in_the_document_are_used_without_a_fetch(bench: Bench) -> None:
    bench.serves(document(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [KEY]}))
    assert await bench.store.keys(CLIENT) == {"keys": [KEY]}
    assert len(bench.site.asked) == 1


@pytest.mark.parametrize(
    "keys",
    [
        {"keys": [KEY, OctKey.generate_key(256, {"kid": "b"}).as_dict()]},
        {"keys": [KEY | {"d": "AAAA"}]},
        {"keys": [{**KEY, "kid": str(number)} for number in range(21)]},
        {"keys": []},
        [],
        {"keys": [KEY], "padding": "x" * 66_000},
    ],
)
async def test_a_key_set_that_is_private_huge_or_empty_gives_no_keys(bench: Bench, keys: Any) -> None:
    bench.serves(document(token_endpoint_auth_method="private_key_jwt", jwks_uri=f"{HOST}/keys"))
    bench.serves(keys, path="/keys")
    with pytest.raises(KeysUnavailable):
        await bench.store.keys(CLIENT)


async def test_a_client_without_keys_has_none(bench: Bench) -> None:
    bench.serves(document())
    with pytest.raises(KeysUnavailable):
        await bench.store.keys(CLIENT)


async def test_an_id_that_is_no_document_url_is_never_asked_for(bench: Bench) -> None:
    with pytest.raises(ClientIdInvalid):
        await bench.store.get("https://127.0.0.1/c.json")
    assert bench.site.asked == []


async def test_closing_ends_a_fetch_in_flight(bench: Bench) -> None:
    bench.site.gate = asyncio.Event()
    caller = asyncio.create_task(bench.store.get(CLIENT))
    await bench.site.reached.wait()
    await bench.store.aclose()
    with pytest.raises(asyncio.CancelledError):
        await caller

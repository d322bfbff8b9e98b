"""Whether a client id would cost a fetch of a stranger's URL, which the desk limits by address."""

from pathlib import Path

import pytest
from desks import Desks
from shelf import Shelf, document

from gatelodge.registration.documents.errors import DocumentWithdrawn
from gatelodge.registration.documents.hosts import DocumentHosts
from gatelodge.registration.documents.known import KnownDocument
from gatelodge.registration.documents.store import DocumentStore
from gatelodge.testing.clock import ManualClock

GOOD, BAD, KNOWN = (f"https://client.example/{name}" for name in ("good", "bad", "known"))


async def test_what_is_kept_known_or_just_failed_costs_no_fetch(tmp_path: Path) -> None:
    shelf, clock = Shelf(), ManualClock()
    known = {KNOWN: KnownDocument("2026-11-20", b"{}", "seen")}
    store = DocumentStore(shelf, hosts=DocumentHosts(frozenset(), {}), clock=clock, state=tmp_path, known=known)
    assert [store.holds(client_id) for client_id in (GOOD, BAD, KNOWN)] == [False, False, True]
    shelf.put(GOOD, document(GOOD))
    await store.get(GOOD)
    with pytest.raises(DocumentWithdrawn):
        await store.get(BAD)
    assert store.holds(GOOD)
    assert store.holds(BAD)
    clock.advance(61)
    # A copy stays, a failure is asked about again.
    assert store.holds(GOOD)
    assert not store.holds(BAD)
    await store.aclose()


async def test_a_person_who_has_named_too_many_new_documents_still_signs_in_with_those_that_are_held(
    tmp_path: Path,
) -> None:
    async with Desks(tmp_path).running(new_documents_per_address=1) as desk:
        urls = [f"https://good.example/{at}" for at in range(3)]
        for url in urls:
            desk.shelf.put(url, document(url))

        async def status(url: str) -> int:
            answer = await desk.http.get("/realms/mcp/protocol/openid-connect/auth", params={"client_id": url})
            return answer.status_code

        assert [await status(url) for url in urls] == [302, 429, 429]
        assert desk.shelf.fetched == urls[:1]
        assert await status(urls[0]) == 302
        desk.clock.advance(60)
        assert await status(urls[1]) == 302

"""Tickets of the consent page: good for one browser, one request, one content, ten minutes and once (M12)."""

from urllib.parse import urlencode

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from gatelodge.app.desk.consent import (
    COOKIE,
    LIFE,
    MAX_BODY,
    Answered,
    Tickets,
    forget_cookie,
    new_cookie,
    read_answer,
    set_cookie,
)
from gatelodge.core.secret import Secret
from gatelodge.testing.clock import ManualClock

ORIGIN = "https://localhost:8443"
QUERY = "client_id=https://new.example/c&redirect_uri=https://new.example/cb&state=1"
SHOWN = ("cookie-1", QUERY, "fingerprint-1")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tickets(clock: ManualClock) -> Tickets:
    return Tickets(Secret("k" * 24), clock)


def test_a_ticket_is_good_once_for_what_was_shown(tickets: Tickets) -> None:
    ticket = tickets.issue(*SHOWN)
    assert tickets.redeem(ticket, *SHOWN)
    assert not tickets.redeem(ticket, *SHOWN)


@pytest.mark.parametrize(
    "given",
    [
        ("cookie-2", QUERY, "fingerprint-1"),
        ("", QUERY, "fingerprint-1"),
        ("cookie-1", QUERY.replace("new.example/c&", "other.example/c&"), "fingerprint-1"),
        ("cookie-1", QUERY.replace("new.example/cb", "new.example/cb2"), "fingerprint-1"),
        ("cookie-1", QUERY.replace("state=1", "state=2"), "fingerprint-1"),
        ("cookie-1", QUERY + "&", "fingerprint-1"),
        ("cookie-1", QUERY, "fingerprint-2"),
        ("cookie-1" + QUERY[:1], QUERY[1:], "fingerprint-1"),
    ],
    ids=["cookie", "no-cookie", "client", "redirect", "state", "longer", "document", "shifted"],
)
def test_a_ticket_is_good_for_nothing_else(tickets: Tickets, given: tuple[str, str, str]) -> None:
    ticket = tickets.issue(*SHOWN)
    assert not tickets.redeem(ticket, *given)
    assert tickets.redeem(ticket, *SHOWN)


def test_a_ticket_ends_after_ten_minutes(tickets: Tickets, clock: ManualClock) -> None:
    early, late = tickets.issue(*SHOWN), tickets.issue(*SHOWN)
    clock.advance(LIFE - 1)
    assert tickets.redeem(early, *SHOWN)
    clock.advance(1)
    assert not tickets.redeem(late, *SHOWN)


def test_a_ticket_whose_expiry_was_moved_is_refused(tickets: Tickets, clock: ManualClock) -> None:
    expiry, rest = tickets.issue(*SHOWN).split(".", 1)
    assert not tickets.redeem(f"{int(expiry) + 1}.{rest}", *SHOWN)


def test_a_ticket_of_another_key_is_refused(clock: ManualClock, tickets: Tickets) -> None:
    other = Tickets(Secret("o" * 24), clock)
    assert not tickets.redeem(other.issue(*SHOWN), *SHOWN)


@pytest.mark.parametrize("junk", ["", ".", "..", "1.2.3", "x.y.z", "١٢٣.n.m", "9" * 5000 + ".n.m", "1..", "\ud800.a.b"])
def test_junk_is_no_ticket(tickets: Tickets, junk: str) -> None:
    assert not tickets.redeem(junk, *SHOWN)


def test_used_tickets_are_forgotten_when_they_would_have_ended(tickets: Tickets, clock: ManualClock) -> None:
    for _ in range(3):
        assert tickets.redeem(tickets.issue(*SHOWN), *SHOWN)
    clock.advance(LIFE)
    assert tickets.redeem(tickets.issue(*SHOWN), *SHOWN)
    assert len(tickets._used) == 1


def test_the_memory_of_used_tickets_is_bounded(tickets: Tickets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatelodge.app.desk.consent._MOST_USED", 5)
    last = ""
    for _ in range(20):
        last = tickets.issue(*SHOWN)
        assert tickets.redeem(last, *SHOWN)
        assert len(tickets._used) <= 5
    assert not tickets.redeem(last, *SHOWN)


def test_no_key_and_no_used_ticket_is_in_a_repr(tickets: Tickets) -> None:
    assert "kkk" not in repr(tickets)


# The form


async def answered(
    body: bytes, *, origin: str = ORIGIN, kind: str = "application/x-www-form-urlencoded"
) -> Answered | None:
    given = {"origin": origin, "content-type": kind}
    sent = [(name.encode(), value.encode()) for name, value in given.items() if value]

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return await read_answer(Request({"type": "http", "headers": sent}, receive), ORIGIN)


FORM = {"query": QUERY, "ticket": "t", "answer": "continue"}


async def test_the_form_of_our_own_page_is_read() -> None:
    assert await answered(urlencode(FORM).encode()) == Answered(QUERY, "t", accepted=True)
    assert await answered(urlencode({**FORM, "answer": "cancel"}).encode()) == Answered(QUERY, "t", accepted=False)


@pytest.mark.parametrize("origin", ["", "null", "https://evil.example", "http://localhost:8443", ORIGIN + "0"])
async def test_a_form_of_another_origin_is_not_read(origin: str) -> None:
    assert await answered(urlencode(FORM).encode(), origin=origin) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"query=a&ticket=b",
        b"query=a&query=b&ticket=c&answer=continue",
        b"query=a&ticket=b&ticket=c&answer=continue",
        b"query=%ff%fe&ticket=\xff&answer=continue",
        b"&".join(b"%d=1" % number for number in range(20)),
        b"query=" + b"a" * MAX_BODY + b"&ticket=b&answer=continue",
    ],
    ids=["empty", "short", "two-queries", "two-tickets", "not-utf8", "many", "long"],
)
async def test_a_form_that_is_not_ours_is_not_read(body: bytes) -> None:
    assert await answered(body) is None


async def test_a_body_of_another_type_is_not_read() -> None:
    assert await answered(urlencode(FORM).encode(), kind="text/plain") is None


def test_the_cookie_is_bound_to_this_host_and_to_requests_of_its_own_pages() -> None:
    response = Response()
    set_cookie(response, new_cookie())
    (cookie,) = response.headers.getlist("set-cookie")
    assert cookie.startswith(f"{COOKIE}=")
    assert COOKIE.startswith("__Host-")
    said = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"secure", "httponly", "path=/", "samesite=strict", "max-age=600"} <= said
    assert not any(part.startswith("domain") for part in said)
    gone = Response()
    forget_cookie(gone)
    assert "Max-Age=0" in gone.headers["set-cookie"]
    assert "Secure" in gone.headers["set-cookie"]
    assert new_cookie() != new_cookie()

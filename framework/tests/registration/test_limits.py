"""How many registrations one address and one redirect host may make, on a clock that stands still."""

import pytest

from gatelodge.ratelimit.limit import Limits
from gatelodge.ratelimit.rate import Rate
from gatelodge.registration.answers import refused
from gatelodge.registration.documents.errors import DocumentUnavailable
from gatelodge.registration.limits import DocumentLimits, RegistrationLimits, TooManyDocuments, TooManyRegistrations
from gatelodge.testing.clock import ManualClock

LOOPBACK = ["http://localhost:1/cb", "http://localhost/cb"]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def limits(clock: ManualClock, per_address: int = 60, per_host: int = 600, share: int = 1) -> RegistrationLimits:
    made = Limits(clock)
    return RegistrationLimits(
        addresses=made.limit("registrations", Rate(per_address)),
        hosts=made.limit("new-clients", Rate(per_host)),
        shares=made.limit("new-clients-share", Rate(share)),
        reserve=made.limit("new-clients-reserve", Rate(per_host)),
    )


async def counted(limits: RegistrationLimits, address: str, times: int) -> int:
    """How many of these requests pass."""
    passed = 0
    for _ in range(times):
        try:
            await limits.count_request(address)
        except TooManyRegistrations:
            continue
        passed += 1
    return passed


async def test_an_address_may_make_its_number_within_any_minute(clock: ManualClock) -> None:
    desk = limits(clock)
    assert await counted(desk, "192.0.2.1", 40) == 40
    clock.advance(30)
    assert await counted(desk, "192.0.2.1", 100) == 20
    clock.advance(30)
    assert await counted(desk, "192.0.2.1", 100) == 40
    clock.advance(3600)
    assert await counted(desk, "192.0.2.1", 100) == 60


async def test_another_address_is_not_held_back(clock: ManualClock) -> None:
    desk = limits(clock)
    await counted(desk, "192.0.2.1", 100)
    assert await counted(desk, "192.0.2.2", 10) == 10


async def test_the_answer_says_when_to_try_again_in_an_oauth_error(clock: ManualClock) -> None:
    desk = limits(clock, per_address=2)
    await counted(desk, "192.0.2.1", 1)
    clock.advance(29.5)
    await counted(desk, "192.0.2.1", 1)
    with pytest.raises(TooManyRegistrations) as caught:
        await desk.count_request("192.0.2.1")
    answer = refused(caught.value)
    assert (answer.status, answer.body["error"], answer.headers["retry-after"]) == (
        429,
        "temporarily_unavailable",
        "31",
    )
    assert answer.headers["ratelimit-policy"] == '"registrations";q=2;w=60'
    assert "192.0.2.1" not in answer.body["error_description"]
    clock.advance(int(answer.headers["retry-after"]))
    await desk.count_request("192.0.2.1")


async def test_a_redirect_host_counts_once_a_client_whatever_the_ports(clock: ManualClock) -> None:
    desk = limits(clock, per_host=2)
    await desk.count_client(LOOPBACK, "192.0.2.1")
    await desk.count_client(LOOPBACK, "192.0.2.1")
    with pytest.raises(TooManyRegistrations, match="loopback"):
        await desk.count_client(LOOPBACK, "192.0.2.1")
    await desk.count_client(["https://chatgpt.com/cb"], "192.0.2.1")


async def made(desk: RegistrationLimits, address: str, times: int) -> int:
    """How many new clients of ChatGPT pass."""
    passed = 0
    for number in range(times):
        try:
            await desk.count_client([f"https://chatgpt.com/connector/{number}"], address)
        except TooManyRegistrations:
            continue
        passed += 1
    return passed


async def test_strangers_who_use_up_a_host_leave_room_for_those_who_made_few(clock: ManualClock) -> None:
    desk = limits(clock, per_host=600, share=10)
    assert [await made(desk, f"2001:db8:0:{number}::/64", 200) for number in range(4)] == [200, 200, 200, 0 + 10]
    # Theirs are over their share; the others' is what it was, however many there are, up to the reserve.
    assert [await made(desk, f"2001:db8:0:{number}::/64", 5) for number in range(4)] == [0] * 4
    assert [await made(desk, f"192.0.2.{number}", 50) for number in range(59)] == [10] * 59
    assert await made(desk, "192.0.2.77", 5) == 0
    assert await made(desk, "198.51.100.1", 1) == 0
    clock.advance(60)
    assert await made(desk, "198.51.100.1", 1) == 1


async def test_a_client_that_is_refused_for_one_host_is_not_counted_for_its_others(clock: ManualClock) -> None:
    desk = limits(clock, per_host=1)
    await desk.count_client(["https://claude.ai/cb"], "192.0.2.1")
    for _ in range(3):
        with pytest.raises(TooManyRegistrations, match=r"claude\.ai"):
            await desk.count_client(["https://chatgpt.com/cb", "https://claude.ai/cb"], "192.0.2.1")
    await desk.count_client(["https://chatgpt.com/cb"], "192.0.2.1")


async def test_loopback_counts_for_the_address_that_asks_and_for_no_other(clock: ManualClock) -> None:
    desk = limits(clock, per_host=1)
    await desk.count_client(["http://localhost:1/cb"], "192.0.2.1")
    for again in ("http://127.0.0.1:2/cb", "http://[::1]/cb", "https://LOCALHOST/cb"):
        with pytest.raises(TooManyRegistrations):
            await desk.count_client([again], "192.0.2.1")
    await desk.count_client(["http://localhost:1/cb"], "192.0.2.2")


async def test_an_address_has_so_many_new_documents_fetched_and_is_told_when_to_come_back(clock: ManualClock) -> None:
    desk = DocumentLimits(Limits(clock).limit("new-documents", Rate(3)))
    for _ in range(3):
        await desk.count_new("192.0.2.7")
        clock.advance(10)
    with pytest.raises(TooManyDocuments) as caught:
        await desk.count_new("192.0.2.7")
    assert caught.value.headers["retry-after"] == "30"
    assert "192" not in caught.value.description
    # The page of an outage fits.
    assert isinstance(caught.value, DocumentUnavailable)
    await desk.count_new("192.0.2.1")
    clock.advance(30)
    await desk.count_new("192.0.2.7")

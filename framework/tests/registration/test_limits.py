"""How many registrations one address and one redirect host may make, on a clock that stands still."""

import pytest

from gatelodge.registration.answers import refused
from gatelodge.registration.documents.errors import DocumentUnavailable
from gatelodge.registration.limits import (
    Buckets,
    DocumentLimits,
    RegistrationLimits,
    TooManyDocuments,
    TooManyRegistrations,
)
from gatelodge.testing.clock import ManualClock

LOOPBACK = ["http://localhost:1/cb", "http://localhost/cb"]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def limits(clock: ManualClock, per_address: int = 60, per_host: int = 600) -> RegistrationLimits:
    return RegistrationLimits(per_address=per_address, per_host=per_host, clock=clock)


def counted(limits: RegistrationLimits, address: str, times: int) -> int:
    """How many of these requests pass."""
    passed = 0
    for _ in range(times):
        try:
            limits.count_request(address)
        except TooManyRegistrations:
            continue
        passed += 1
    return passed


def test_an_address_may_make_its_number_at_once_and_then_one_each_second(clock: ManualClock) -> None:
    desk = limits(clock)
    assert counted(desk, "192.0.2.1", 100) == 60
    clock.advance(10)
    assert counted(desk, "192.0.2.1", 100) == 10
    clock.advance(3600)
    assert counted(desk, "192.0.2.1", 100) == 60


def test_another_address_is_not_held_back(clock: ManualClock) -> None:
    desk = limits(clock)
    counted(desk, "192.0.2.1", 100)
    assert counted(desk, "192.0.2.2", 10) == 10


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("no address", "", True),
    ],
)
def test_what_one_subscriber_has_counts_as_one_address(one: str, other: str, same: bool, clock: ManualClock) -> None:
    desk = limits(clock, per_address=1)
    desk.count_request(one)
    assert counted(desk, other, 1) == (0 if same else 1)


def test_the_answer_says_when_to_try_again_in_an_oauth_error(clock: ManualClock) -> None:
    desk = limits(clock, per_address=2)
    counted(desk, "192.0.2.1", 2)
    with pytest.raises(TooManyRegistrations) as caught:
        desk.count_request("192.0.2.1")
    answer = refused(caught.value)
    assert (answer.status, answer.body["error"], answer.headers["retry-after"]) == (
        429,
        "temporarily_unavailable",
        "30",
    )
    assert "192.0.2.1" not in answer.body["error_description"]
    clock.advance(int(answer.headers["retry-after"]))
    desk.count_request("192.0.2.1")


def test_a_redirect_host_counts_once_a_client_whatever_the_ports(clock: ManualClock) -> None:
    desk = limits(clock, per_host=2)
    desk.count_client(LOOPBACK, "192.0.2.1")
    desk.count_client(LOOPBACK, "192.0.2.1")
    with pytest.raises(TooManyRegistrations, match="loopback"):
        desk.count_client(LOOPBACK, "192.0.2.1")
    desk.count_client(["https://chatgpt.com/cb"], "192.0.2.1")


def test_a_client_that_is_refused_for_one_host_is_not_counted_for_its_others(clock: ManualClock) -> None:
    desk = limits(clock, per_host=1)
    desk.count_client(["https://claude.ai/cb"], "192.0.2.1")
    for _ in range(3):
        with pytest.raises(TooManyRegistrations, match=r"claude\.ai"):
            desk.count_client(["https://chatgpt.com/cb", "https://claude.ai/cb"], "192.0.2.1")
    desk.count_client(["https://chatgpt.com/cb"], "192.0.2.1")


def test_loopback_counts_for_the_address_that_asks_and_for_no_other(clock: ManualClock) -> None:
    desk = limits(clock, per_host=1)
    desk.count_client(["http://localhost:1/cb"], "192.0.2.1")
    for again in ("http://127.0.0.1:2/cb", "http://[::1]/cb", "https://LOCALHOST/cb"):
        with pytest.raises(TooManyRegistrations):
            desk.count_client([again], "192.0.2.1")
    desk.count_client(["http://localhost:1/cb"], "192.0.2.2")


def test_an_address_has_so_many_new_documents_fetched_and_is_told_when_to_come_back(clock: ManualClock) -> None:
    desk = DocumentLimits(per_address=3, clock=clock)
    for _ in range(3):
        desk.count_new("2001:db8::1")
    with pytest.raises(TooManyDocuments) as caught:
        desk.count_new("2001:db8::2")
    assert caught.value.retry_after == 20
    assert "2001" not in caught.value.description
    # The page of an outage fits.
    assert isinstance(caught.value, DocumentUnavailable)
    desk.count_new("192.0.2.1")
    clock.advance(20)
    desk.count_new("2001:db8::2")


def test_memory_is_bounded_whoever_calls(clock: ManualClock) -> None:
    buckets = Buckets(1, clock, most=100)
    for number in range(10_000):
        buckets.take(str(number))
    assert len(buckets) == 100
    assert buckets.wait("9999") > 0

"""What strangers do is counted, and nobody's flood hides another's."""

import pytest

from gatelodge.audit.actor import of_address
from gatelodge.audit.chain import Recorded
from gatelodge.audit.event import Event
from gatelodge.audit.recorder import Recorder
from gatelodge.audit.trail import Trail
from gatelodge.observability.request_id import REQUEST_ID

HER = "user:" + "a" * 20


def stranger(number: int) -> str:
    return of_address(b"key", f"192.0.2.{number}")


async def kept(trail: Trail) -> list[Recorded]:
    await trail.flush()
    return [one async for one in trail.search()]


@pytest.fixture
def recorder(trail: Trail) -> Recorder:
    made = Recorder(most=3)
    made.attach(trail)
    return made


async def test_the_first_is_an_event_and_the_others_a_number(recorder: Recorder, trail: Trail) -> None:
    for _ in range(10):
        recorder.count("token.refuse", "expired", stranger(1))
    assert [one.event.subject for one in await kept(trail)] == [{}]
    recorder.settle()
    assert [one.event.subject for one in await kept(trail)] == [{}, {"more": 9}]
    recorder.settle()
    recorder.count("token.refuse", "expired", stranger(1))
    assert len(await kept(trail)) == 3


async def test_many_strangers_make_a_bounded_number_of_events(recorder: Recorder, trail: Trail) -> None:
    for number in range(200):
        recorder.count("token.refuse", "expired", stranger(number))
    recorder.settle()
    events = [one.event for one in await kept(trail)]
    assert [event.actor for event in events] == [stranger(0), stranger(1), stranger(2), "others", "others"]
    assert events[-1].subject == {"more": 196}


async def test_strangers_do_not_take_the_place_of_users(recorder: Recorder, trail: Trail) -> None:
    for number in range(50):
        recorder.count("token.refuse", "expired", stranger(number))
    recorder.count("tool.call", "deny:roles", HER, {"tool": "purge"})
    assert (await kept(trail))[-1].event.actor == HER


async def test_without_a_trail_nothing_is_kept(trail: Trail) -> None:
    recorder = Recorder()
    before = recorder.on
    recorder.note(Event("session.open", HER))
    recorder.count("token.refuse", "expired", HER)
    await recorder.record(Event("session.open", HER))
    recorder.attach(trail)
    assert (before, recorder.on) == (False, True)
    recorder.detach()
    assert await kept(trail) == []


async def test_a_trail_that_takes_nothing_is_a_line_in_the_log(
    recorder: Recorder, trail: Trail, caplog: pytest.LogCaptureFixture
) -> None:
    await trail.aclose()
    recorder.count("token.refuse", "expired", stranger(1))
    assert "the audit trail lacks token.refuse" in caplog.text


async def test_an_event_has_the_id_of_its_request_and_a_number_has_none(recorder: Recorder, trail: Trail) -> None:
    before = REQUEST_ID.set("r-12345678")
    try:
        recorder.count("token.refuse", "expired", stranger(1))
        recorder.count("token.refuse", "expired", stranger(1))
        recorder.note(Event("session.open", HER))
        recorder.settle()
    finally:
        REQUEST_ID.reset(before)
    recorder.note(Event("session.close", HER))
    assert [one.event.request_id for one in await kept(trail)] == ["r-12345678", "r-12345678", None, None]

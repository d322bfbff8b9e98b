"""Times seen at the transport: the first byte is that of the body, and a cut answer has no end."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from gatelodge.ops.slo.calls import Asked, Door
from gatelodge.ops.slo.faults import RunFailed
from gatelodge.ops.slo.journal import MOST_SAMPLES, Journal, Meaning
from gatelodge.ops.slo.timing import TimingTransport
from gatelodge.ops.verify.messages import MODERN
from gatelodge.testing.clock import ManualClock

_RESULT = b'data: {"jsonrpc": "2.0", "id": 7, "result": {"content": []}}\n\n'


class Slow(httpx2.AsyncByteStream):
    """Takes 2 s to its first part and 3 s more to the second."""

    def __init__(self, clock: ManualClock, *, cut: bool) -> None:
        self._clock = clock
        self._cut = cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._clock.advance(2)
        yield b": waiting\n\n"
        self._clock.advance(3)
        if self._cut:
            raise httpx2.ReadError("reset")
        yield _RESULT


@pytest.mark.parametrize("cut", [False, True])
async def test_the_first_byte_and_the_end_are_told_apart_and_a_cut_answer_is_not_right(cut: bool) -> None:
    clock = ManualClock()

    def answer(_: httpx2.Request) -> httpx2.Response:
        clock.advance(1)
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Slow(clock, cut=cut))

    transport = TimingTransport(httpx2.MockTransport(answer), clock)
    door = Door("https://localhost/mcp", "edge", "main", transport)
    asked = Asked("list", "tools/list")
    reply = await door.ask(asked, MODERN, "token")
    await door.aclose()
    timing = transport.last
    assert timing.first is not None
    assert (timing.first - timing.began, timing.status, timing.streamed) == (3, 200, True)
    assert (timing.ended is None) == cut
    assert bool(asked.right(reply)) == cut
    journal = Journal(clock, timing.began)
    sample = journal.add(
        timing, Meaning("edge", "main", "list", MODERN, 1, valid=True, why=asked.right(reply)), due=0.0
    )
    assert (sample.ttfb, sample.total, sample.good) == (3000, 6000, not cut)


async def test_no_answer_has_no_status_and_no_first_byte() -> None:
    def refuse(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    clock = ManualClock()
    transport = TimingTransport(httpx2.MockTransport(refuse), clock)
    door = Door("https://localhost/mcp", "direct", "main", transport)
    asked = Asked("list", "tools/list")
    assert asked.right(await door.ask(asked, MODERN, None)) == "no answer"
    await door.aclose()
    assert (transport.last.status, transport.last.first) == (0, None)


def test_a_run_keeps_a_bounded_number_of_samples() -> None:
    clock = ManualClock()
    journal = Journal(clock, clock.monotonic())
    meaning = Meaning("edge", "main", "list", MODERN, 1, valid=True, why="")
    timing = TimingTransport(httpx2.MockTransport(lambda _: httpx2.Response(200)), clock).last
    journal.samples = [journal.add(timing, meaning, due=None)] * MOST_SAMPLES
    with pytest.raises(RunFailed):
        journal.add(timing, meaning, due=None)

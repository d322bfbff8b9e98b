"""Reading a JSON-RPC body: what it asks for, and bodies that two parsers would read differently."""

from collections.abc import Iterable

import pytest
from starlette.types import Message, Receive

from gatelodge.app.message import BodyMalformed, BodyTooLarge, ClientGone, Operation, parse_operation, read_body, replay


def receive_of(messages: Iterable[Message]) -> Receive:
    queue = list(messages)

    async def receive() -> Message:
        return queue.pop(0)

    return receive


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(
    ("body", "operation"),
    [
        (b'{"method":"tools/call","params":{"name":"search"}}', Operation("tools/call", "search")),
        (b'{"method":"prompts/get","params":{"name":"p"}}', Operation("prompts/get", "p")),
        (b'{"method":"resources/read","params":{"uri":"a://b"}}', Operation("resources/read", "a://b")),
        (b'{"method":"tools/list","params":{"name":"x"}}', Operation("tools/list")),
        (b'{"method":"tools/call","params":{"name":7}}', Operation("tools/call")),
        (b'{"method":"tools/call","params":["search"]}', Operation("tools/call")),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', None),
        (b'{"method":3}', None),
    ],
)
def test_an_operation_is_its_method_and_the_component_it_names(body: bytes, operation: Operation | None) -> None:
    assert parse_operation(body) == operation


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"tools/call"',
        b"{",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"method":"tools/list","method":"tools/call","params":{"name":"x"}}',
        b'{"method":"tools/call","params":{"name":"a","name":"b"}}',
    ],
)
def test_a_body_that_is_no_single_clear_object_is_malformed(body: bytes) -> None:
    with pytest.raises(BodyMalformed):
        parse_operation(body)


async def test_chunks_are_joined_in_order() -> None:
    assert await read_body(receive_of([chunk(b"ab", more=True), chunk(b"c", more=True), chunk(b"d")])) == b"abcd"


async def test_a_body_over_the_limit_is_refused_before_its_end_is_read() -> None:
    with pytest.raises(BodyTooLarge):
        await read_body(receive_of([chunk(b"abcde", more=True)]), limit=4)


async def test_a_client_that_goes_away_has_no_body() -> None:
    with pytest.raises(ClientGone):
        await read_body(receive_of([chunk(b"ab", more=True), {"type": "http.disconnect"}]))


async def test_a_replayed_body_comes_once_and_then_the_disconnect() -> None:
    again = replay(b"body", receive_of([{"type": "http.disconnect"}]))
    assert (await again())["body"] == b"body"
    assert (await again())["type"] == "http.disconnect"

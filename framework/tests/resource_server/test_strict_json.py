"""JSON that has one reading, and only that."""

import pytest

from gatelodge.resource_server.strict_json import MAX_DEPTH, parse_object


def nested(levels: int) -> bytes:
    """An object with lists in it, ``levels`` deep in all."""
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def test_an_object_is_read() -> None:
    raw = ' {"a": [1, -2.5e3, true, null], "ä": {"b": "\\u00e4 \\ud83d\\ude00"}} '.encode()
    assert parse_object(raw) == {"a": [1, -2500.0, True, None], "ä": {"b": "ä 😀"}}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"[]",
        b'"a"',
        b"1",
        b"null",
        b"{}{}",
        b"{} x",
        b'{"a":1,}',
        b"{'a':1}",
        b"{a:1}",
        b'{"a":01}',
        b'{"a":"\n"}',
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":-1e999}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\ud800"}',
        b'{"a":"\\uDFFF"}',
        b'{"\\ud800":1}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        '{"a":1}'.encode("utf-16-be"),
        '{"a":1}'.encode("utf-32"),
        nested(MAX_DEPTH + 1),
        nested(100),
        nested(1_000),
        nested(20_000),
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_anything_else_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_object(raw)


def test_nesting_is_read_up_to_its_limit() -> None:
    assert parse_object(nested(MAX_DEPTH))


def test_many_members_side_by_side_are_not_deep() -> None:
    raw = b'{"a":[' + b",".join([b"[{}]"] * 500) + b'],"b":"[[[[[[[[[[[["}'
    assert len(parse_object(raw)["a"]) == 500

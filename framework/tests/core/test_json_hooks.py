"""JSON that parsers read apart is refused by the hooks that every reader shares."""

import json

import pytest

from gatelodge.core.strict_json import TwinMembers, no_constant, no_twins


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "a": 2}}]', '{"a": 1, "\\u0061": 2}'])
def test_a_member_twice_is_refused_at_any_depth(text: str) -> None:
    with pytest.raises(TwinMembers):
        json.loads(text, object_pairs_hook=no_twins)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}'])
def test_a_number_that_json_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no JSON"):
        json.loads(text, parse_constant=no_constant)


def test_everything_else_is_read_as_it_stands() -> None:
    text = '{"a": {"a": [1, 1.5, null, true, "NaN"]}, "A": {}}'
    assert json.loads(text, object_pairs_hook=no_twins, parse_constant=no_constant) == json.loads(text)

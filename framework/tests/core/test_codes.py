"""The closed set of codes is complete and its texts say nothing about the caller."""

import pytest

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_status_a_text_and_a_next_step(code: Code) -> None:
    assert 400 <= code.meaning.status < 600
    assert code.meaning.text.endswith(".")
    assert code.meaning.hint.endswith(".")


def test_an_error_keeps_operator_detail_apart_from_the_public_text() -> None:
    class Example(GatelodgeError):
        code = Code.TOKEN_REJECTED

    error = Example("canary detail")
    assert "canary" not in error.public
    assert error.status == 401
    assert error.hint == Code.TOKEN_REJECTED.meaning.hint
    assert Example("x", hint="Do this.").hint == "Do this."

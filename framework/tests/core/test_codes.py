"""The closed set of codes is complete and its texts say nothing about the caller."""

import pytest

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.meanings import accounts, meaning, registration, requests, starts


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_status_a_text_and_a_next_step(code: Code) -> None:
    assert 400 <= code.meaning.status < 600
    assert code.meaning.text.endswith(".")
    assert code.meaning.hint.endswith(".")
    assert code.meaning.cause.endswith(".")
    assert code.link.endswith(f"#{code.value}")


def test_each_meaning_belongs_to_one_code_and_stands_in_one_table() -> None:
    tables = [requests.REQUESTS, registration.REGISTRATION, accounts.ACCOUNTS, starts.STARTS]
    assert sorted(key for table in tables for key in table) == sorted(code.value for code in Code)


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_json_rpc_code_that_it_may_have(code: Code) -> None:
    standard = {meaning.INVALID_REQUEST, meaning.INVALID_PARAMS, meaning.INTERNAL}
    # MCP leaves this range to implementations, of which the SDK has the first two; the other two are MCP's own.
    ours = set(range(-32019, -32001)) - {-32002}
    assert code.meaning.rpc in standard | ours | {meaning.HEADER_MISMATCH, meaning.LINK_REQUIRED}
    assert (code.meaning.rpc == meaning.INTERNAL) == (code.meaning.status == 500)


def test_an_error_keeps_operator_detail_apart_from_the_public_text() -> None:
    class Example(GatelodgeError):
        code = Code.TOKEN_REJECTED

    error = Example("canary detail")
    assert "canary" not in error.public
    assert error.status == 401
    assert error.hint == Code.TOKEN_REJECTED.meaning.hint
    assert Example("x", hint="Do this.").hint == "Do this."

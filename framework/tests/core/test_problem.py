"""One body for every error: complete, constant, and without what is for operators."""

import json

import pytest

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.problem import problem, problem_of


class Refused(GatelodgeError):
    code = Code.BODY_MALFORMED


class Malformed(Refused):
    hint_is_public = True


@pytest.mark.parametrize("code", Code)
def test_every_code_has_every_member_of_a_problem(code: Code) -> None:
    body = problem(code, "r-12345678")
    assert list(body) == ["type", "title", "status", "detail", "code", "hint", "request_id"]
    assert body["type"] == f"docs/reference/errors.md#{code.value}"
    assert (body["status"], body["code"]) == (code.meaning.status, code.value)
    assert (body["title"], body["detail"]) == (code.meaning.text, code.meaning.cause)
    assert json.loads(json.dumps(body)) == body


def test_without_a_request_there_is_no_request_id() -> None:
    assert "request_id" not in problem(Code.NOT_FOUND, None)


def test_an_occurrence_may_have_its_own_detail_hint_and_members() -> None:
    body = problem(Code.NOT_FOUND, None, status=410, detail="Gone.", hint="Leave it.", link_url="https://a.example")
    assert (body["status"], body["detail"], body["hint"]) == (410, "Gone.", "Leave it.")
    assert body["link_url"] == "https://a.example"


def test_an_errors_detail_is_never_in_its_body() -> None:
    assert "canary" not in json.dumps(problem_of(Refused("canary"), None))


def test_a_next_step_is_told_only_where_it_is_the_callers() -> None:
    assert problem_of(Malformed("x", hint="Send less."), None)["hint"] == "Send less."
    body = problem_of(Refused("x", hint="Raise max_connections."), None)
    assert body["hint"] == Code.BODY_MALFORMED.meaning.hint

"""The id of a request: taken over when well formed, else from a trace, else new."""

import pytest

from gatelodge.observability.request_id import REQUEST_ID, chosen_request_id, current_request_id, trace_id_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def chosen(*headers: tuple[str, str]) -> str:
    return chosen_request_id([(name.encode(), value.encode("latin-1")) for name, value in headers])


@pytest.mark.parametrize("given", ["12345678", "a.b_c-D9" * 8, "3f2c9a1e-0000-4000-8000-000000000000"])
def test_a_well_formed_id_is_taken_over(given: str) -> None:
    assert chosen(("x-request-id", given), ("traceparent", PARENT)) == given


@pytest.mark.parametrize(
    "given",
    [
        "",
        "1234567",
        "a" * 65,
        "12345678\n",
        "1234 5678",
        "12345678\x1b[31m",
        "12345678;drop",
        "größer-als-acht",
        # It would stand in every line: nothing that looks like a credential.
        "ghp_0123456789abcdefABCDEF0123456789abcd",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "0123456789abcdef" * 4,
    ],
)
def test_an_id_that_is_not_well_formed_is_never_taken_over(given: str) -> None:
    assert chosen(("x-request-id", given), ("traceparent", PARENT)) == TRACE
    made = chosen(("x-request-id", given))
    assert made != given
    assert len(made) == 32


def test_an_id_that_is_there_twice_has_no_single_meaning() -> None:
    assert chosen(("x-request-id", "first-one"), ("x-request-id", "second-one")) not in {"first-one", "second-one"}


@pytest.mark.parametrize(
    ("value", "trace"),
    [
        (PARENT, TRACE),
        (f"cc-{TRACE}-b7ad6b7169203331-01-what-the-future-will-be-like", TRACE),
        (f"00-{TRACE}-b7ad6b7169203331-01-more", None),
        (f"ff-{TRACE}-b7ad6b7169203331-01", None),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-b7ad6b7169203331-01", None),
        (f"00-{TRACE}", None),
        ("", None),
    ],
)
def test_a_trace_id_comes_from_a_valid_traceparent_only(value: str, trace: str | None) -> None:
    assert trace_id_of(value.encode()) == trace


def test_ids_without_any_header_differ() -> None:
    assert chosen() != chosen()


def test_there_is_no_id_outside_of_a_request() -> None:
    assert current_request_id() is None
    reset = REQUEST_ID.set("here-there-is-one")
    assert current_request_id() == "here-there-is-one"
    REQUEST_ID.reset(reset)

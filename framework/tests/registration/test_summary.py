"""The log's text of a registration: whatever was sent, short, printable and without what should stay private."""

import json

import pytest

from gatelodge.registration.summary import summary


def of(value: object) -> str:
    return summary(json.dumps(value).encode())


def test_it_names_the_client_and_where_codes_would_go() -> None:
    uris = ["https://vscode.dev/redirect", "http://127.0.0.1:1/", "http://127.0.0.1:2/", "cursor://app/callback"]
    text = of({"client_name": "VS Code", "redirect_uris": uris})
    assert text == "client_name='VS Code' redirects=https://vscode.dev,http://127.0.0.1,cursor://app"


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"[" * 60_000, b"\xff"])
def test_an_unreadable_body_is_told_by_its_size(raw: bytes) -> None:
    assert summary(raw) == f"unreadable body of {len(raw)} bytes"


def test_a_line_break_or_escape_in_what_was_sent_does_not_reach_the_log() -> None:
    text = of({"client_name": "a\nINFO forged\x1b[2J'", "redirect_uris": ["https://a\u0085b/", "x\ny"]})
    assert text.isprintable()


def test_paths_queries_and_user_names_are_left_out() -> None:
    text = of({"redirect_uris": ["https://user:word@a.example/path?code=secret"], "client_secret": "s3cr3t"})
    assert text == "client_name='' redirects=https://a.example"


def test_many_targets_are_counted() -> None:
    text = of({"redirect_uris": [f"https://h{number}.example/" for number in range(9)]})
    assert text.endswith("https://h4.example,and 4 more")


@pytest.mark.parametrize(
    ("uris", "shown"), [(None, "none"), ("x", "none"), ([], "none"), ([7], "unreadable"), (["http://[x"], "unreadable")]
)
def test_redirects_of_any_kind_are_put_into_words(uris: object, shown: str) -> None:
    assert of({"redirect_uris": uris}) == f"client_name='' redirects={shown}"


def test_a_long_host_is_shortened() -> None:
    assert len(of({"redirect_uris": [f"https://{'a' * 9000}/"]})) < 200

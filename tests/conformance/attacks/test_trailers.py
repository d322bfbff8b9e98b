"""Catalogue D03, the variant that only a real socket can carry: a token in the trailer of a chunked body (RFC 9110, 6.5)."""

import socket

from results import record
from surface import Surface, call, surface

COMMAND = ".venv/bin/pytest tests/conformance/attacks/test_trailers.py"


def asked(running: Surface, *, header: str = "", trailer: str = "") -> int:
    """The status of a good call in chunks, with these lines before and after its body."""
    head, _, body = call("@@", "echo", {}).partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b"Authorization", b"Content-Length"))]
    lines += [b"Transfer-Encoding: chunked", b"Trailer: Authorization", b"Connection: close"]
    if header:
        lines.append(header.encode())
    end = f"{trailer}\r\n" if trailer else ""
    raw = b"\r\n".join(lines) + b"\r\n\r\n" + f"{len(body):x}\r\n".encode() + body + f"\r\n0\r\n{end}\r\n".encode()
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as wire:
        wire.sendall(raw)
        answer = b""
        while chunk := wire.recv(65_536):
            answer += chunk
    return int(answer.split(b" ", 2)[1])


def outcomes(running: Surface) -> dict[str, int]:
    """A good token in the trailer alone, and beside tokens in the header."""
    good, bad = f"Authorization: {running.bearer()}", "Authorization: Bearer x.y.z"
    return {
        "trailer alone": asked(running, trailer=good),
        "good header, bad trailer": asked(running, header=good, trailer=bad),
        "bad header, good trailer": asked(running, header=bad, trailer=good),
    }


def test_a_token_in_a_trailer_is_no_token() -> None:
    with surface() as running:
        found = outcomes(running)
        assert asked(running, header=f"Authorization: {running.bearer()}") == 200
    # Never let in by a trailer; what is good in the header may be served, for a trailer is not looked at.
    assert found["trailer alone"] == found["bad header, good trailer"] == 401
    assert found["good header, bad trailer"] in {200, 400}
    record(
        1,
        "a token in a trailer, D03",
        tried=len(found),
        passed=len(found),
        command=COMMAND,
        negative_control="with uvicorn's own protocol the trailer is taken for a header",
    )


def test_a_parser_that_takes_trailers_for_headers_is_noticed() -> None:
    with surface(bare=True) as running:
        found = outcomes(running)
    assert found["bad header, good trailer"] != 401 or found["trailer alone"] != 401

"""The connection before the first check: what cannot be verified at all is said, with the next step."""

import socket
from pathlib import Path

import pytest

from gatelodge.ops.verify.transport import NoServer, TrustUnusable, check_reachable, open_transport


@pytest.mark.parametrize(
    ("url", "says", "step"),
    [
        ("https://127.0.0.1:{port}/mcp", "refused", "gatelodge up"),
        ("https://no..host/mcp", "no address", "host and port"),
    ],
)
async def test_a_server_that_is_not_there_is_said_with_the_next_step(url: str, says: str, step: str) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, so that nobody else gets it, and not listening
        with pytest.raises(NoServer) as refusal:
            await check_reachable(url.format(port=held.getsockname()[1]))
    assert says in refusal.value.detail
    assert step in refusal.value.hint


async def test_a_server_that_takes_connections_is_reachable() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        await check_reachable(f"https://127.0.0.1:{listener.getsockname()[1]}/mcp")


def test_a_file_without_an_authority_is_said(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(TrustUnusable, match="holds no certificate authority"):
        open_transport(tmp_path / "ca.pem")

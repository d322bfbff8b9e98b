"""What the desk gets to see of a browser's cookies, by a backend that writes down what it is sent."""

from pathlib import Path

import httpx2
import pytest
from surface import Edge, Seen, edge, surface, until

AUTH = "/realms/mcp/protocol/openid-connect/auth"
COOKIES = "AUTH_SESSION_ID=secret; KEYCLOAK_IDENTITY=secret; KC_RESTART=secret"
ROUTED = [
    "client_id=https://a.example/c",
    "client_id=https%3A%2F%2Fa.example%2Fc",
    "client_id=%48TTPS%3a%2f%2fa.example",
    "client%5Fid=https://a.example/c",
    "x=1;client_id=https://a.example/c",
    "client_id=plain&client_id=https://a.example/c",
]
TO_KEYCLOAK = [
    "client_id=plain",
    "client_id=https://a.example/c&gatelodge_client=ready",
    "gatelodge_client=&client_id=https://a.example/c",
    "client_id=https://a.example/c;gatelodge%5Fclient=x",
]


def sent(running: Edge, target: str, method: str = "GET") -> None:
    """Send a request with cookies; the answer does not matter."""
    with httpx2.Client(verify=running.context, timeout=60, trust_env=False) as client:
        client.request(method, f"https://localhost:{running.port}{target}", headers={"cookie": COOKIES})


@pytest.mark.stack
def test_keycloaks_cookies_never_reach_the_desk_and_only_unmarked_sign_ins_do(tmp_path: Path) -> None:
    with surface() as backend, edge(tmp_path, backend.port, desk=backend.port) as running:

        def arrived(path: str) -> list[Seen]:
            return [seen for seen in backend.records if seen.path == path]

        for count, query in enumerate(ROUTED, 1):
            sent(running, f"{AUTH}?{query}", "HEAD" if count % 2 else "GET")
            until(lambda count=count: len(arrived(AUTH)) == count, f"{query} did not arrive")  # type: ignore[misc]
        assert all(seen.values(b"cookie") == [] for seen in arrived(AUTH))
        for query in TO_KEYCLOAK:
            sent(running, f"{AUTH}?{query}")
        sent(running, f"{AUTH}?{ROUTED[0]}", "POST")
        assert len(arrived(AUTH)) == len(ROUTED)
        # The same way of looking sees cookies where they are passed on.
        sent(running, "/mcp")
        assert arrived("/mcp")[0].values(b"cookie") == [COOKIES.encode()]

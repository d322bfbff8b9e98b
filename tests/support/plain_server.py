"""FastMCP as its documentation says, behind Keycloak: nothing of gatelodge. Arguments: the realm's URL, the port."""

import sys
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.auth.providers.keycloak import KeycloakAuthProvider


def main(realm_url: str, port: int) -> None:
    """Serve two tools until the process is stopped."""
    mcp: FastMCP[Any] = FastMCP(
        "plain", auth=KeycloakAuthProvider(realm_url=realm_url, base_url=f"http://127.0.0.1:{port}")
    )

    @mcp.tool
    def search(query: str) -> dict[str, Any]:
        """Search."""
        return {"results": [{"id": "1", "title": query, "url": ""}]}

    @mcp.tool
    def fetch(id: str) -> dict[str, Any]:  # noqa: A002 - the contract's name
        """Fetch."""
        return {"id": id, "title": "One", "text": "text", "url": ""}

    mcp.run(transport="http", host="127.0.0.1", port=port, show_banner=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

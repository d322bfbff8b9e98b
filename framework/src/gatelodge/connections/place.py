"""Where the pages and routes of connected accounts are: addresses and cookie names of one server.

Invariants: every address is made from the configured public URL, none from a request; where a browser may be sent back
to is on a list, compared whole, so that no spelling of another address passes.
"""

import re
from dataclasses import dataclass

from gatelodge.connections.web_errors import ReturnRefused
from gatelodge.core.urls import origin_of, path_of

__all__ = ["Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """``public_url`` is the server's MCP endpoint; ``returns`` are whole addresses of front ends."""

    public_url: str
    returns: frozenset[str] = frozenset()

    @property
    def origin(self) -> str:
        """The origin that our pages are on, as browsers write it."""
        scheme, _, authority = origin_of(self.public_url).partition("://")
        return f"{scheme}://{authority.removesuffix(':443' if scheme == 'https' else ':80')}"

    @property
    def base(self) -> str:
        """The path in front of all routes: the MCP endpoint's without its last part ``/mcp``."""
        return path_of(self.public_url).removesuffix("/mcp")

    @property
    def accounts(self) -> str:
        """Path of the page of connected accounts."""
        return f"{self.base}/accounts"

    @property
    def sign_in_callback(self) -> str:
        """Where the authorization server sends the browser back to."""
        return f"{self.origin}{self.accounts}/callback"

    @property
    def signed_out(self) -> str:
        """Where the browser goes after a sign-out."""
        return f"{self.origin}{self.accounts}"

    @property
    def secure(self) -> bool:
        """Whether this is https; else it is loopback in development, where browsers keep no ``__Host-`` cookie."""
        return self.origin.startswith("https://")

    def cookie(self, name: str) -> str:
        """The name of a cookie; servers on one host have different ones."""
        prefix = "__Host-" if self.secure else ""
        return f"{prefix}gatelodge-{name}{re.sub(r'[^A-Za-z0-9]', '-', self.base)}"

    def callback(self, provider: str) -> str:
        """The redirect URI at a provider, exact to the byte in both requests."""
        return f"{self.origin}{self.base}/api/auth/{provider}/callback"

    def link_url(self, provider: str) -> str:
        """The page that offers to link an account: for people, binds nothing by itself."""
        return f"{self.origin}{self.accounts}?link={provider}"

    def checked_return(self, url: str | None) -> str | None:
        """An address of the list, or None for none. Raises: ReturnRefused."""
        if url is not None and url not in self.returns:
            raise ReturnRefused("return_to is not on the list")
        return url

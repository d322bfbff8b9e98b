"""What is linked, and as whom: the input that every link check shares."""

from dataclasses import dataclass
from pathlib import Path

from gatelodge.core.secret import Secret
from gatelodge.core.urls import origin_of
from gatelodge.ops.link.browser import ScriptedBrowser
from gatelodge.outbound.client import Outbound

__all__ = ["LOOPBACK_REDIRECT", "LinkTarget"]

# Nothing listens there: the scripted browser stops at the redirect and reads it (RFC 8252, section 7.3).
LOOPBACK_REDIRECT = "http://127.0.0.1:33419/callback"


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """An MCP URL and a user who may link to it.

    ``scopes``: what the token must hold, and what single steps ask for. ``issuer``: where the password may go; without
    it, only to the MCP URL's own origin. ``query``: words the search must find. ``timeout``: seconds per request.
    """

    mcp_url: str
    ca_file: Path | None
    username: str
    password: Secret
    scopes: tuple[str, ...] = ()
    issuer: str | None = None
    query: str = "gatelodge"
    timeout: float = 30.0

    def browser(self, *, consent: bool = True) -> ScriptedBrowser:
        """A new browser of this user, not signed in."""
        issuer = self.issuer or origin_of(self.mcp_url)
        return ScriptedBrowser(self.ca_file, self.username, self.password, consent, issuer=issuer, timeout=self.timeout)

    def outbound(self) -> Outbound:
        """A new client that trusts the target's CA; the caller closes it."""
        return Outbound(ca_file=self.ca_file, timeout=self.timeout)

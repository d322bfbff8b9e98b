"""What each client is to a server: how it registers, where it wants the answer, what it asks for, what it insists on.

Sources: the vendors' pages and bodies seen on the wire, as of November 2026 (``docs/guides/verify.md`` names them).
Not here: the rules (the checks name the clients they concern).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["PROFILES", "Profile"]


@dataclass(frozen=True, slots=True)
class Profile:
    """One client.

    ``redirect``: where the answer goes; ``fallback``: the form used when the issuer does not send ``iss``, ``{id}`` is
    one connection's id. ``registration``: members of its RFC 7591 body. ``own_scope``: registers with the challenged
    scope alone. ``first_issuer_only``: looks at no other. ``exact``: ``resource`` must equal the typed URL.
    ``origin``: a browser's origin. ``oidc``: asks for the OIDC scopes that the issuer lists. ``local``: runs on the
    user's machine, so plain http on loopback reaches it.
    """

    name: str
    title: str
    agent: str
    redirect: str
    fallback: str | None = None
    others: tuple[str, ...] = ()
    registration: Mapping[str, Any] = field(default_factory=dict)
    own_scope: bool = False
    first_issuer_only: bool = False
    documents: bool = True
    oidc: bool = False
    local: bool = False
    origin: str | None = None

    def redirect_for(self, issuer_identified: bool) -> str:
        """The redirect URI, by whether the issuer promises ``iss`` in its answers (RFC 9207)."""
        if issuer_identified or self.fallback is None:
            return self.redirect
        return self.per_connection()

    def per_connection(self) -> str:
        """A redirect URI of one connection."""
        return (self.fallback or self.redirect).replace("{id}", secrets.token_hex(8))

    def body(self, redirect: str, challenged: str = "") -> dict[str, Any]:
        """The registration body."""
        document = {
            "client_name": self.title,
            "redirect_uris": [redirect, *self.others],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            **self.registration,
        }
        return {**document, "scope": challenged} if self.own_scope and challenged else document


_CHATGPT = Profile(
    "chatgpt",
    "ChatGPT",
    "openai-mcp/1.0.0",
    "https://chatgpt.com/connector_platform_oauth_redirect",
    fallback="https://chatgpt.com/connector/oauth/{id}",
    oidc=True,
)
_CLAUDE = Profile("claude", "Claude", "Claude-User", "https://claude.ai/api/mcp/auth_callback", first_issuer_only=True)
_CLAUDE_CODE = Profile(
    "claude-code",
    "Claude Code (verify)",
    "claude-code/2.1.197",
    "http://localhost:33420/callback",
    own_scope=True,
    first_issuer_only=True,
    local=True,
)
_VSCODE = Profile(
    "vscode",
    "Visual Studio Code",
    "Visual Studio Code/1.106",
    "http://127.0.0.1:33418/",
    others=("https://vscode.dev/redirect", "https://insiders.vscode.dev/redirect", "http://127.0.0.1/"),
    registration={"client_uri": "https://code.visualstudio.com/", "application_type": "native"},
    local=True,
)
_CURSOR = Profile(
    "cursor",
    "Cursor",
    "Cursor/3.10.17",
    "http://localhost:8787/callback",
    others=("https://www.cursor.com/agents/mcp/oauth/callback",),
    documents=False,
    local=True,
)
_INSPECTOR = Profile(
    "inspector",
    "MCP Inspector",
    "node",
    "http://localhost:6274/oauth/callback",
    registration={"client_uri": "https://github.com/modelcontextprotocol/inspector"},
    local=True,
    origin="http://localhost:6274",
)
PROFILES: Mapping[str, Profile] = {
    profile.name: profile for profile in (_CHATGPT, _CLAUDE, _CLAUDE_CODE, _VSCODE, _CURSOR, _INSPECTOR)
}

"""Registration bodies of MCP clients: measured on the wire, or built to what their vendors document.

Each is what the client really sends, traps included; Keycloak alone refuses some of them, and others cannot link.
"""

from typing import Any

CODE_AND_REFRESH = ["authorization_code", "refresh_token"]

CLAUDE_CODE: dict[str, Any] = {
    "client_name": "Claude Code (deep-research)",
    "redirect_uris": ["http://localhost:54212/callback"],
    "grant_types": CODE_AND_REFRESH,
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
    # Only the challenged scope; at the authorization endpoint it asks for offline_access as well.
    "scope": "deep-research:read",
}
MCP_REMOTE: dict[str, Any] = {
    "client_name": "MCP CLI Proxy",
    "redirect_uris": ["http://localhost:3334/oauth/callback"],
    "grant_types": CODE_AND_REFRESH,
    "response_types": ["code"],
    "token_endpoint_auth_method": "client_secret_post",
    "application_type": "native",
    "client_uri": "https://github.com/modelcontextprotocol/mcp-cli",
    "software_id": "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
    "software_version": "0.15.1",
    "scope": "deep-research:read offline_access",
}
RUSTLS_CLI: dict[str, Any] = {
    "client_name": "cli",
    "redirect_uris": ["http://127.0.0.1:41877/callback"],
    "grant_types": CODE_AND_REFRESH,
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
    "application_type": "native",
    "scope": "deep-research:read offline_access",
}
VS_CODE: dict[str, Any] = {
    "client_name": "Visual Studio Code",
    "client_uri": "https://code.visualstudio.com",
    "redirect_uris": [
        "https://insiders.vscode.dev/redirect",
        "https://vscode.dev/redirect",
        "http://127.0.0.1/",
        "http://127.0.0.1:33418/",
    ],
    "grant_types": [*CODE_AND_REFRESH, "urn:ietf:params:oauth:grant-type:device_code"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
    "application_type": "native",
}
CHATGPT: dict[str, Any] = {
    "client_name": "ChatGPT",
    "client_uri": "https://chatgpt.com/",
    "logo_uri": "https://persistent.oaistatic.com/logo.png",
    "redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect"],
    "grant_types": CODE_AND_REFRESH,
    "response_types": ["code"],
    "token_endpoint_auth_method": "private_key_jwt",
    "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
    "token_endpoint_auth_signing_alg": "RS256",
    "jwks_uri": "https://chatgpt.com/oauth/jwks.json",
}
CLAUDE_AI: dict[str, Any] = {
    "client_name": "Claude",
    "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
    "grant_types": CODE_AND_REFRESH,
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
    "scope": "deep-research:read offline_access",
}
INSPECTOR: dict[str, Any] = {
    "client_name": "MCP Inspector",
    "client_uri": "https://github.com/modelcontextprotocol/inspector",
    "redirect_uris": ["http://localhost:6274/oauth/callback", "http://localhost:6274/oauth/callback/debug"],
    "grant_types": CODE_AND_REFRESH,
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
    "scope": "deep-research:read deep-research:write",
}

BODIES: dict[str, dict[str, Any]] = {
    "Claude Code": CLAUDE_CODE,
    "mcp-remote": MCP_REMOTE,
    "rustls CLI": RUSTLS_CLI,
    "VS Code": VS_CODE,
    "ChatGPT": CHATGPT,
    "claude.ai": CLAUDE_AI,
    "Inspector": INSPECTOR,
}

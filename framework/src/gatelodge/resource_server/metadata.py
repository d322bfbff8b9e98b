"""The protected-resource metadata that every MCP client reads first (RFC 9728, sections 2 and 3).

Built from configuration alone, never from Host or X-Forwarded-*: ``resource`` is byte-equal to the URL that a client
types. The path form and the root form answer with the same document, because clients try either.
"""

from collections.abc import Iterable
from typing import Any

from gatelodge.core.urls import path_of
from gatelodge.resource_server.config import PROTECTED_RESOURCE, ResourceServerConfig

__all__ = ["metadata_paths", "protected_resource_metadata"]


def protected_resource_metadata(config: ResourceServerConfig, *, scopes: Iterable[str], name: str) -> dict[str, Any]:
    """The JSON document: resource, its issuers, the scopes to ask for, header as the only bearer method, a name.

    Without ``config.sign_in`` only resource and name: a client must not be led to an issuer that gives it nothing.
    """
    if not config.sign_in:
        return {"resource": config.public_url, "resource_name": name}
    document: dict[str, Any] = {
        "resource": config.public_url,
        "authorization_servers": list(config.issuers),
        "bearer_methods_supported": ["header"],
        "resource_name": name,
    }
    # MCP 2026-07-28: refresh is the client's affair with the issuer, so offline_access is not named here.
    if offered := sorted(set(scopes) - {"offline_access"}):
        # RFC 9728, section 3.2: a member without elements is omitted.
        document["scopes_supported"] = offered
    return document


def metadata_paths(config: ResourceServerConfig) -> tuple[str, ...]:
    """The paths to serve it at: with the resource's path appended, then the root form."""
    root = f"/.well-known/{PROTECTED_RESOURCE}"
    path = path_of(config.public_url)
    return (root + path, root) if path else (root,)

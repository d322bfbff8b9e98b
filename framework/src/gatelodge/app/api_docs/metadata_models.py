"""The metadata documents and MCP's messages as far as every answer has them; further members are allowed."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AuthorizationServer", "KeySet", "McpAnswer", "McpRequest", "ProtectedResource"]


class ProtectedResource(BaseModel):
    """OAuth 2.0 Protected Resource Metadata (RFC 9728, section 2)."""

    resource: str = Field(description="The MCP URL: audience of the tokens")
    resource_name: str
    authorization_servers: list[str] | None = None
    bearer_methods_supported: list[str] | None = None
    scopes_supported: list[str] | None = None


class AuthorizationServer(BaseModel):
    """OAuth 2.0 Authorization Server Metadata (RFC 8414, section 2), with Keycloak's further members."""

    model_config = ConfigDict(extra="allow")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    scopes_supported: list[str] | None = None
    code_challenge_methods_supported: list[str] | None = None


class KeySet(BaseModel):
    """A JSON Web Key Set (RFC 7517, section 5)."""

    model_config = ConfigDict(extra="allow")

    keys: list[dict[str, Any]]


class McpRequest(BaseModel):
    """One JSON-RPC 2.0 message of the Model Context Protocol."""

    model_config = ConfigDict(extra="allow")

    jsonrpc: Literal["2.0"]
    method: str = Field(examples=["tools/list"])
    id: str | int | None = Field(default=None, description="Without one it is a notification")
    params: dict[str, Any] | None = None


class McpAnswer(BaseModel):
    """One JSON-RPC 2.0 answer: ``result`` or ``error``."""

    model_config = ConfigDict(extra="allow")

    jsonrpc: Literal["2.0"]
    id: str | int | None = None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

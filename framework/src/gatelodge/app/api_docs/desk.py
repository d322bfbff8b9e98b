"""Operations of the desk: registrations, clients that come with a document, the issuer's metadata."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gatelodge.app.api_docs.metadata_models import AuthorizationServer, KeySet
from gatelodge.app.api_docs.operation import HTML, JSON, Answer, Body, Operation, Parameter
from gatelodge.app.api_docs.server import description, health
from gatelodge.core.codes import Code

__all__ = ["ClientMetadata", "RegisteredClient", "desk_operations"]


class ClientMetadata(BaseModel):
    """Client metadata (RFC 7591, section 2). Further members are allowed, and left out where they are of no use."""

    model_config = ConfigDict(extra="allow")

    redirect_uris: list[str] = Field(min_length=1, examples=[["https://chatgpt.com/connector_platform_oauth_redirect"]])
    client_name: str | None = None
    grant_types: list[str] | None = None
    response_types: list[str] | None = None
    token_endpoint_auth_method: str | None = None
    scope: str | None = None


class RegisteredClient(BaseModel):
    """The client information response (RFC 7591, section 3.2.1)."""

    model_config = ConfigDict(extra="allow")

    client_id: str
    redirect_uris: list[str]
    client_secret: str | None = None
    client_id_issued_at: int | None = None
    client_secret_expires_at: int | None = None
    registration_access_token: str | None = None
    registration_client_uri: str | None = None


_REGISTRATION = (
    Code.REGISTRATION_REDIRECT,
    Code.REGISTRATION_METADATA,
    Code.BODY_TOO_LARGE,
    Code.REGISTRATION_REFUSED,
    Code.REGISTRATION_LIMIT,
    Code.LIMIT_REACHED,
    Code.ISSUER_UNAVAILABLE,
    Code.UPSTREAM_UNREACHABLE,
    Code.INTERNAL_ERROR,
)


def desk_operations(endpoint: str, metadata_paths: Iterable[str], authorization: str, keys: str) -> list[Operation]:
    """The operations of the desk whose registration endpoint is the URL ``endpoint``."""
    realm = "/" + endpoint.partition("://")[2].partition("/")[2]
    return [
        *_registration(realm, endpoint),
        *_documents(authorization, keys),
        *_metadata(metadata_paths),
        *health(parts={"metadata": {"status": "up", "age_seconds": 41, "latency_ms": 12}}),
        *description(guard=False),
    ]


def _registration(path: str, endpoint: str) -> Iterable[Operation]:
    redirects = ["https://chatgpt.com/connector_platform_oauth_redirect"]
    asked: dict[str, Any] = {"client_name": "ChatGPT", "redirect_uris": redirects, "token_endpoint_auth_method": "none"}
    made = {"client_id": "6b1f0c9e", "client_name": "ChatGPT", "redirect_uris": redirects}
    made |= {"registration_access_token": "a-registration-token", "registration_client_uri": f"{endpoint}/6b1f0c9e"}
    yield Operation(
        "POST",
        path,
        "register",
        "Register a client (RFC 7591)",
        "registration",
        (Answer(201, "What was stored", RegisteredClient, made),),
        _REGISTRATION,
        "Refusals have the form of RFC 7591, section 3.2.2, with the problem's members beside it.",
        body=Body(ClientMetadata, asked),
        problems=JSON,
    )
    own = Parameter("client_id", "path", "The client's id", "6b1f0c9e", required=True)
    read, changed = Answer(200, "The client's entry", RegisteredClient, made), Answer(204, "It is gone", media=None)
    for method, name, answer in (("GET", "read", read), ("PUT", "change", read), ("DELETE", "remove", changed)):
        yield Operation(
            method,
            f"{path}/{{client_id}}",
            f"{name}_client",
            f"{name.capitalize()} a client's own entry (RFC 7592)",
            "registration",
            (answer,),
            (*_REGISTRATION, Code.REGISTRATION_TOKEN, Code.NOT_FOUND),
            parameters=(own,),
            body=Body(ClientMetadata, asked | {"client_id": "6b1f0c9e"}) if method == "PUT" else None,
            security=("registrationToken",),
            problems=JSON,
        )


def _documents(authorization: str, keys: str) -> Iterable[Operation]:
    asked = Parameter("client_id", "query", "The URL of the client's document", "https://client.example/client.json")
    refused = (
        Code.AUTHORIZATION_REQUEST,
        Code.CLIENT_DOCUMENT_INVALID,
        Code.ADDRESS_REFUSED,
        Code.REGISTRATION_REDIRECT,
        Code.REGISTRATION_REFUSED,
        Code.REGISTRATION_LIMIT,
        Code.LIMIT_REACHED,
        Code.CLIENT_DOCUMENT_UNAVAILABLE,
        Code.UPSTREAM_UNREACHABLE,
        Code.UPSTREAM_ANSWER_UNUSABLE,
        Code.ISSUER_UNAVAILABLE,
        Code.INTERNAL_ERROR,
    )
    onward = (Answer(302, "On to Keycloak", media=None), Answer(200, "The consent page", media=HTML))
    yield Operation(
        "GET",
        authorization,
        "authorize",
        "A sign-in of a client that comes with a document",
        "client documents",
        onward,
        refused,
        "A client that asks for JSON gets a problem, a browser a page.",
        (asked,),
        pages=True,
    )
    yield Operation(
        "POST",
        "/desk/consent",
        "consent",
        "The answer of the consent page",
        "client documents",
        (Answer(200, "A page that goes on to Keycloak", media=HTML),),
        refused,
        pages=True,
    )
    yield Operation(
        "GET",
        keys,
        "client_keys",
        "The keys of a client that signs, for Keycloak",
        "internal",
        (Answer(200, "The key set", KeySet, {"keys": []}),),
        (Code.NOT_FOUND, Code.CLIENT_DOCUMENT_UNAVAILABLE, Code.INTERNAL_ERROR),
        "Not routed by the proxy in front.",
        (Parameter("client", "path", "The client's name in this path", "Y2xpZW50", required=True),),
    )


def _metadata(paths: Iterable[str]) -> Iterable[Operation]:
    issuer = "https://localhost:8443/realms/mcp"
    example = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/protocol/openid-connect/auth",
        "token_endpoint": f"{issuer}/protocol/openid-connect/token",
        "code_challenge_methods_supported": ["S256"],
    }
    errors = (Code.ISSUER_UNAVAILABLE, Code.ISSUER_MISMATCH, Code.INTERNAL_ERROR)
    answers = (Answer(200, "The authorization server, curated for clients", AuthorizationServer, example),)
    for number, path in enumerate(paths):
        yield Operation("GET", path, f"issuer_metadata_{number}", "RFC 8414", "metadata", answers, errors)

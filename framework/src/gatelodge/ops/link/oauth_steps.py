"""The single steps of an OAuth client, each to be done right or wrong on purpose (RFC 6749, 7591, 7636, 8707, 9728).

Invariant: nothing is corrected on the way: a missing PKCE challenge, a foreign resource or a reused refresh token is
sent as given, and the server's refusal comes back as ``OAuthRefused`` with its RFC 6749 error.
Not here: the official client, which does all steps itself (``session``); sign-in and consent (``browser``).
"""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from gatelodge.core.urls import well_known
from gatelodge.ops.link.oauth_types import AuthorizationServer, OAuthRefused, Pkce, RegisteredClient, TokenSet
from gatelodge.ops.link.quiet import quiet_wire
from gatelodge.outbound.client import Answer, Outbound

__all__ = ["authenticated", "authorize_url", "discover", "exchange", "refresh", "register", "registration_body"]


async def discover(outbound: Outbound, mcp_url: str) -> AuthorizationServer:
    """From an MCP URL to its first authorization server (RFC 9728, section 3; RFC 8414, section 3).

    Raises: UpstreamUnreachable, UpstreamAnswerUnusable, OAuthRefused.
    """
    resource = await outbound.get_json(well_known(mcp_url, "oauth-protected-resource"))
    issuers = resource.get("authorization_servers")
    if resource.get("resource") != mcp_url or not isinstance(issuers, list) or not issuers:
        raise _unusable("discovery", f"the protected-resource metadata does not name {mcp_url} and an issuer")
    issuer = str(issuers[0])
    document = await outbound.get_json(well_known(issuer, "oauth-authorization-server"))
    if document.get("issuer") != issuer:
        raise _unusable("discovery", f"the metadata of {issuer} names another issuer")
    try:
        return AuthorizationServer(
            issuer=issuer,
            authorization_endpoint=str(document["authorization_endpoint"]),
            token_endpoint=str(document["token_endpoint"]),
            registration_endpoint=document.get("registration_endpoint"),
        )
    except KeyError as error:
        raise _unusable("discovery", f"the metadata of {issuer} has no {error}") from error


def registration_body(redirect_uri: str, **members: Any) -> dict[str, Any]:
    """A registration body of a public native client; ``members`` add to it or replace (RFC 7591, section 2)."""
    return {
        "client_name": "gatelodge check",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        **members,
    }


async def register(outbound: Outbound, server: AuthorizationServer, body: Mapping[str, Any]) -> RegisteredClient:
    """Register a client (RFC 7591, section 3). Raises: OAuthRefused, UpstreamUnreachable, UpstreamAnswerUnusable."""
    if server.registration_endpoint is None:
        raise _unusable("registration", f"the metadata of {server.issuer} has no registration_endpoint")
    with quiet_wire():
        answer = await outbound.request(
            "POST",
            server.registration_endpoint,
            headers={"content-type": "application/json", "accept": "application/json"},
            content=json.dumps(body).encode(),
        )
    document = _accepted("registration", answer, 201)
    return RegisteredClient(
        client_id=_text("registration", document, "client_id"),
        client_secret=document.get("client_secret"),
        # Keycloak's answer leaves the method out for public clients.
        auth_method=str(document.get("token_endpoint_auth_method") or body.get("token_endpoint_auth_method") or "none"),
        document=document,
    )


def authorize_url(
    server: AuthorizationServer,
    *,
    client_id: str,
    redirect_uri: str,
    scopes: Iterable[str],
    state: str,
    pkce: Pkce | None,
    resource: str | None,
    extra: Mapping[str, str] | None = None,
) -> str:
    """The authorization request as a URL; ``extra`` adds or replaces parameters (RFC 6749, section 4.1.1)."""
    params = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(scopes),
        "state": state,
    }
    if pkce is not None:
        params |= {"code_challenge": pkce.challenge, "code_challenge_method": pkce.method}
    if resource is not None:
        params["resource"] = resource
    return f"{server.authorization_endpoint}?{urlencode(params | dict(extra or {}))}"


async def exchange(
    outbound: Outbound,
    server: AuthorizationServer,
    client: RegisteredClient,
    *,
    code: str,
    redirect_uri: str,
    pkce: Pkce | None,
    resource: str | None,
) -> TokenSet:
    """Trade a code for tokens (RFC 6749, section 4.1.3). Raises: OAuthRefused, UpstreamUnreachable."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if pkce is not None:
        form["code_verifier"] = pkce.verifier
    return await _token("token", outbound, server, client, form=form, resource=resource)


async def refresh(
    outbound: Outbound,
    server: AuthorizationServer,
    client: RegisteredClient,
    refresh_token: str,
    *,
    scopes: Iterable[str] | None = None,
    resource: str | None = None,
) -> TokenSet:
    """Trade a refresh token for new tokens (RFC 6749, section 6). Raises: OAuthRefused, UpstreamUnreachable."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    if scopes is not None:
        form["scope"] = " ".join(scopes)
    return await _token("refresh", outbound, server, client, form=form, resource=resource)


def authenticated(client: RegisteredClient, form: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and form of a token request by this client, in its own method (RFC 6749, section 2.3.1)."""
    if client.client_secret and client.auth_method == "client_secret_basic":
        pair = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
        return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode("ascii")}, dict(form)
    secret = {"client_secret": client.client_secret} if client.client_secret else {}
    return {}, {**form, "client_id": client.client_id, **secret}


async def _token(
    step: str,
    outbound: Outbound,
    server: AuthorizationServer,
    client: RegisteredClient,
    *,
    form: dict[str, str],
    resource: str | None,
) -> TokenSet:
    if resource is not None:
        form["resource"] = resource
    headers, form = authenticated(client, form)
    headers |= {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    with quiet_wire():
        answer = await outbound.request(
            "POST", server.token_endpoint, headers=headers, content=urlencode(form).encode()
        )
    document = _accepted(step, answer, 200)
    return TokenSet(
        access_token=_text(step, document, "access_token"),
        refresh_token=document.get("refresh_token"),
        id_token=document.get("id_token"),
        scopes=frozenset(str(document.get("scope", "")).split()),
        expires_in=document.get("expires_in"),
        document=document,
    )


def _accepted(step: str, answer: Answer, status: int) -> dict[str, Any]:
    document = answer.json_object()
    if answer.status != status:
        raise OAuthRefused(
            step,
            http_status=answer.status,
            error=document.get("error"),
            description=document.get("error_description"),
        )
    return document


def _text(step: str, document: Mapping[str, Any], member: str) -> str:
    value = document.get(member)
    if not isinstance(value, str) or not value:
        raise _unusable(step, f"the answer has no {member}")
    return value


def _unusable(step: str, description: str) -> OAuthRefused:
    return OAuthRefused(step, http_status=200, error=None, description=description)

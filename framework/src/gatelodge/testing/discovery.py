"""The discovery document of a realm as Keycloak 26.7.3 serves it, before anything is curated (OpenID Connect Discovery).

Invariant: the members, and the values that matter to clients, are those of a real realm, its traps included: ``plain``
PKCE, no ``none``, endpoints and grants the realm refuses. Long algorithm lists are shortened.
"""

from collections.abc import Iterable
from typing import Any

__all__ = ["keycloak_metadata"]

ASYMMETRIC = ["PS256", "EdDSA", "ES256", "RS256"]
SIGNING = [*ASYMMETRIC, "HS256"]
ENCRYPTION_KEYS = ["RSA-OAEP", "RSA-OAEP-256", "RSA1_5", "ECDH-ES"]
ENCRYPTION = ["A256GCM", "A128CBC-HS256"]
CLIENT_AUTHENTICATION = [
    "private_key_jwt",
    "client_secret_basic",
    "client_secret_post",
    "tls_client_auth",
    "client_secret_jwt",
]


def keycloak_metadata(issuer: str, *, scopes: Iterable[str]) -> dict[str, Any]:
    """A new document for ``issuer``, which offers the realm's own scopes and the given scopes of servers."""
    return {"issuer": issuer, **_endpoints(issuer), **_supported(list(scopes)), **_algorithms(), **_flags()}


def _endpoints(issuer: str) -> dict[str, Any]:
    protocol = f"{issuer}/protocol/openid-connect"
    endpoints = {
        "token_endpoint": f"{protocol}/token",
        "introspection_endpoint": f"{protocol}/token/introspect",
        "userinfo_endpoint": f"{protocol}/userinfo",
        "registration_endpoint": f"{issuer}/clients-registrations/openid-connect",
        "revocation_endpoint": f"{protocol}/revoke",
        "device_authorization_endpoint": f"{protocol}/auth/device",
        "backchannel_authentication_endpoint": f"{protocol}/ext/ciba/auth",
        "pushed_authorization_request_endpoint": f"{protocol}/ext/par/request",
    }
    return {
        "authorization_endpoint": f"{protocol}/auth",
        "end_session_endpoint": f"{protocol}/logout",
        "jwks_uri": f"{protocol}/certs",
        "check_session_iframe": f"{protocol}/login-status-iframe.html",
        **endpoints,
        "mtls_endpoint_aliases": dict(endpoints),
    }


def _supported(scopes: list[str]) -> dict[str, Any]:
    return {
        "grant_types_supported": [
            "authorization_code",
            "client_credentials",
            "implicit",
            "password",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "urn:ietf:params:oauth:grant-type:uma-ticket",
            "urn:openid:params:grant-type:ciba",
        ],
        "acr_values_supported": ["0", "1"],
        "response_types_supported": ["code", "none", "id_token", "token", "id_token token", "code id_token"],
        "subject_types_supported": ["public", "pairwise"],
        "prompt_values_supported": ["none", "login", "consent"],
        "response_modes_supported": ["query", "fragment", "form_post", "query.jwt", "fragment.jwt", "jwt"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "preferred_username", "email", "acr", "azp", "nonce"],
        "claim_types_supported": ["normal"],
        "scopes_supported": ["openid", *scopes, "offline_access", "email", "basic", "acr", "profile"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "backchannel_token_delivery_modes_supported": ["poll", "ping"],
    }


def _algorithms() -> dict[str, Any]:
    document: dict[str, Any] = {
        "backchannel_authentication_request_signing_alg_values_supported": list(ASYMMETRIC),
        "dpop_signing_alg_values_supported": list(ASYMMETRIC),
    }
    for name in ("id_token", "userinfo", "request_object", "authorization"):
        document[f"{name}_signing_alg_values_supported"] = list(SIGNING)
        document[f"{name}_encryption_alg_values_supported"] = list(ENCRYPTION_KEYS)
        document[f"{name}_encryption_enc_values_supported"] = list(ENCRYPTION)
    for name in ("token", "introspection", "revocation"):
        document[f"{name}_endpoint_auth_methods_supported"] = list(CLIENT_AUTHENTICATION)
        document[f"{name}_endpoint_auth_signing_alg_values_supported"] = list(SIGNING)
    return document


def _flags() -> dict[str, Any]:
    return {
        "frontchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "require_pushed_authorization_requests": False,
        "tls_client_certificate_bound_access_tokens": True,
        "authorization_response_iss_parameter_supported": True,
    }

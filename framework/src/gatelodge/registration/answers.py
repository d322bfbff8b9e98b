"""What the desk answers: the client information response and the error response (RFC 7591, section 3.2).

A refusal also has the members of every error of ours (``core.problem``), and stays ``application/json``: clients read it by
that RFC. Invariant: members of an accepted one are what Keycloak stored; none is invented. Nothing of it may be cached.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gatelodge.core.problem import problem_of
from gatelodge.observability.request_id import current_request_id
from gatelodge.registration.errors import RegistrarUnavailable, RegistrationError, RegistrationTokenInvalid
from gatelodge.registration.limits import TooManyRegistrations

__all__ = ["MEMBERS", "RegistrationAnswer", "accepted", "refused", "with_public_address"]

NO_STORE: Mapping[str, str] = {"cache-control": "no-store", "pragma": "no-cache"}
RETRY_AFTER = 5

# RFC 7591, section 3.2.1, and RFC 7592, section 3. Keycloak adds flags of its own that no client reads.
MEMBERS = (
    "client_id",
    "client_secret",
    "client_id_issued_at",
    "client_secret_expires_at",
    "registration_access_token",
    "registration_client_uri",
    "client_name",
    "redirect_uris",
    "grant_types",
    "response_types",
    "token_endpoint_auth_method",
    "scope",
)


@dataclass(frozen=True, slots=True)
class RegistrationAnswer:
    """Status, JSON body and headers. The body may hold a client secret and a registration token: never log it."""

    status: int
    body: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str]


def accepted(stored: Mapping[str, Any], requested: list[str], *, status: int = 201) -> RegistrationAnswer:
    """What Keycloak stored; redirect URIs are the stored ones of ``requested``, in its order."""
    body = {name: stored[name] for name in MEMBERS if name in stored}
    body["redirect_uris"] = [uri for uri in requested if uri in stored["redirect_uris"]]
    if isinstance(body.get("response_types"), list):
        # Keycloak adds "none", which the metadata does not offer and some clients do not know.
        body["response_types"] = [kind for kind in body["response_types"] if kind == "code"]
    return RegistrationAnswer(status, body, NO_STORE)


def with_public_address(answer: RegistrationAnswer, endpoint: str) -> RegistrationAnswer:
    """The answer with the address at which the client can manage itself (RFC 7592, section 3).

    ``endpoint``: the public registration endpoint. Without a registration token there is nothing to manage with.
    """
    body = {name: value for name, value in answer.body.items() if name != "registration_client_uri"}
    if "registration_access_token" in body:
        body["registration_client_uri"] = f"{endpoint}/{body['client_id']}"
    return replace(answer, body=body)


def refused(error: RegistrationError) -> RegistrationAnswer:
    """The error response, with ``Retry-After`` in seconds when trying again can help."""
    headers = dict(NO_STORE)
    if isinstance(error, RegistrarUnavailable):
        headers["retry-after"] = str(RETRY_AFTER)
    if isinstance(error, TooManyRegistrations):
        headers.update(error.headers)
    if isinstance(error, RegistrationTokenInvalid):
        headers["www-authenticate"] = f'Bearer error="{error.error}"'
    told = {"error": error.error, "error_description": error.description}
    body = problem_of(error, current_request_id(), detail=error.description, **told)
    return RegistrationAnswer(error.status, body, headers)

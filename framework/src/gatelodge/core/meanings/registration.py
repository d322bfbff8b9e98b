"""Meanings of what an application can meet that registers itself or comes with a metadata document."""

from gatelodge.core.meanings.meaning import INVALID_REQUEST, LIMITED, REFUSED, UPSTREAM, Meaning

__all__ = ["REGISTRATION"]

REGISTRATION: dict[str, Meaning] = {
    "registration_redirect": Meaning(
        400,
        INVALID_REQUEST,
        "A redirect URI is not allowed.",
        "It is missing or malformed, or its host is not on the operator's list.",
        "Use a redirect URI on an allowed host or on loopback.",
    ),
    "registration_metadata": Meaning(
        400,
        INVALID_REQUEST,
        "The client metadata is not usable.",
        "The body is no JSON object, or a member says what no client here can have.",
        "Send a JSON object after RFC 7591, section 2.",
    ),
    "registration_refused": Meaning(
        403,
        REFUSED,
        "The authorization server refused the registration.",
        "A policy of Keycloak says no, whatever is sent.",
        "Read the description; ask the operator if it does not help.",
    ),
    "registration_limit": Meaning(
        429,
        LIMITED,
        "Too many registrations.",
        "More new clients than the limit allows came from this address or for this host.",
        "Keep the client_id of an earlier one, or wait as long as Retry-After says.",
    ),
    "registration_token": Meaning(
        401,
        REFUSED,
        "The registration access token is not valid for this client.",
        "The token was replaced, the client was removed, or it is another client's.",
        "Register the client again.",
    ),
    "authorization_request": Meaning(
        400,
        INVALID_REQUEST,
        "This sign-in request is not usable.",
        "It names no client or several, was passed on before, or its form is stale.",
        "Start again in the application.",
    ),
    "address_refused": Meaning(
        400,
        INVALID_REQUEST,
        "That host is not on the public internet.",
        "Its name leads to a private, loopback or reserved address.",
        "Serve the document from a host with public addresses only.",
    ),
    "client_document_invalid": Meaning(
        400,
        INVALID_REQUEST,
        "The client's metadata document is not usable.",
        "A member is missing or wrong, or the document's host is not allowed here.",
        "Change the member that the description names, then try again.",
    ),
    "client_document_unavailable": Meaning(
        503,
        UPSTREAM,
        "The client's metadata document cannot be fetched.",
        "Its host does not answer, or answers with an error.",
        "Try again; if it stays, look at the document's host.",
    ),
}

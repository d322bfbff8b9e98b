"""The closed set of error codes. A text may change between releases, a code may not.

Not here: how a code is rendered on a wire (``resource_server.challenge``, ``app.answers``).
"""

from dataclasses import dataclass
from enum import Enum

__all__ = ["Code", "Meaning"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means outside: HTTP status, public text, next step for the person who reads it."""

    status: int
    text: str
    hint: str


class Code(Enum):
    """Stable error codes; the value is what the wire and the logs show."""

    SETTINGS_INVALID = "settings_invalid"
    TOOL_UNDECLARED = "tool_undeclared"
    CORPUS_UNREADABLE = "corpus_unreadable"
    CREDENTIALS_MALFORMED = "credentials_malformed"
    TOKEN_REJECTED = "token_rejected"  # noqa: S105 - a code, not a password
    SCOPE_MISSING = "scope_missing"
    KEYS_UNAVAILABLE = "keys_unavailable"
    ISSUER_UNAVAILABLE = "issuer_unavailable"
    ISSUER_MISMATCH = "issuer_mismatch"
    ORIGIN_REFUSED = "origin_refused"
    HOST_REFUSED = "host_refused"
    BODY_TOO_LARGE = "body_too_large"
    BODY_MALFORMED = "body_malformed"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_ANSWER_UNUSABLE = "upstream_answer_unusable"
    REGISTRATION_REDIRECT = "registration_redirect"
    REGISTRATION_METADATA = "registration_metadata"
    REGISTRATION_REFUSED = "registration_refused"
    REGISTRATION_LIMIT = "registration_limit"
    REGISTRATION_TOKEN = "registration_token"  # noqa: S105 - a code, not a token
    ADDRESS_REFUSED = "address_refused"
    CLIENT_DOCUMENT_INVALID = "client_document_invalid"
    CLIENT_DOCUMENT_UNAVAILABLE = "client_document_unavailable"
    STACK_PORT_BUSY = "stack_port_busy"
    STACK_DOWNLOAD = "stack_download"
    STACK_DISK = "stack_disk"
    STACK_PART_FAILED = "stack_part_failed"
    STACK_RUNNING = "stack_running"
    REALM_REFUSED = "realm_refused"
    LINK_FAILED = "link_failed"
    VAULT_KEY = "vault_key"
    VAULT_UNREADABLE = "vault_unreadable"
    STORE_READ_ONLY = "store_read_only"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    STORAGE_FAULT = "storage_fault"
    STORAGE_CONFLICT = "storage_conflict"
    CONNECTION_MISSING = "connection_missing"
    CONNECTION_NEEDS_REAUTH = "connection_needs_reauth"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    PROVIDER_MISCONFIGURED = "provider_misconfigured"
    PROVIDER_REFUSED = "provider_refused"
    PROVIDER_LIMITED = "provider_limited"
    PROXY_REFUSED = "proxy_refused"
    ARGUMENT_REFUSED = "argument_refused"
    AUTHORIZATION_STATE = "authorization_state"
    SESSION_REQUIRED = "session_required"
    CSRF_REFUSED = "csrf_refused"
    SIGN_IN_REFUSED = "sign_in_refused"
    RETURN_REFUSED = "return_refused"

    @property
    def meaning(self) -> Meaning:
        """Status, public text and hint of this code."""
        return _MEANINGS[self]


_MEANINGS: dict[Code, Meaning] = {
    Code.SETTINGS_INVALID: Meaning(500, "The configuration is not usable.", "Set the named variables and start again."),
    Code.TOOL_UNDECLARED: Meaning(
        500, "A tool has no access rule.", "Add @requires(...) or @public below the tool's decorator."
    ),
    Code.CORPUS_UNREADABLE: Meaning(
        500, "The document folder cannot be read.", "Set the variable to a readable folder."
    ),
    Code.CREDENTIALS_MALFORMED: Meaning(
        400, "The Authorization header is not usable.", "Send exactly one 'Authorization: Bearer <token>' header."
    ),
    Code.TOKEN_REJECTED: Meaning(401, "The access token is not valid here.", "Sign in again to get a new token."),
    Code.SCOPE_MISSING: Meaning(
        403, "The access token lacks a scope.", "Authorise again with the scopes of the challenge."
    ),
    Code.KEYS_UNAVAILABLE: Meaning(
        503, "Tokens cannot be checked right now.", "Try again after the time in Retry-After."
    ),
    Code.ISSUER_UNAVAILABLE: Meaning(
        503, "The authorization server does not answer.", "Try again after the time in Retry-After."
    ),
    Code.ISSUER_MISMATCH: Meaning(
        503, "The authorization server names another issuer.", "Make GATELODGE_ISSUER the exact string of its metadata."
    ),
    Code.ORIGIN_REFUSED: Meaning(403, "This browser origin is not allowed.", "Add it to GATELODGE_ALLOWED_ORIGINS."),
    Code.HOST_REFUSED: Meaning(421, "This server does not answer for that host.", "Use the host of the public URL."),
    Code.BODY_TOO_LARGE: Meaning(413, "The request body is too large.", "Send a smaller body."),
    Code.BODY_MALFORMED: Meaning(400, "The request body is not usable.", "Send one JSON-RPC object."),
    Code.UPSTREAM_UNREACHABLE: Meaning(
        502, "A service behind this one does not answer.", "Try again; if it stays, look at that service's log."
    ),
    Code.UPSTREAM_ANSWER_UNUSABLE: Meaning(
        502, "A service behind this one gave an unusable answer.", "Look at that service's log."
    ),
    Code.REGISTRATION_REDIRECT: Meaning(
        400, "A redirect URI is not allowed.", "Use a redirect URI on an allowed host or on loopback."
    ),
    Code.REGISTRATION_METADATA: Meaning(
        400, "The client metadata is not usable.", "Send a JSON object after RFC 7591, section 2."
    ),
    Code.REGISTRATION_REFUSED: Meaning(
        403,
        "The authorization server refused the registration.",
        "Read the description; ask the operator if it does not help.",
    ),
    Code.ADDRESS_REFUSED: Meaning(
        400, "That host is not on the public internet.", "Serve the document from a host with public addresses only."
    ),
    Code.CLIENT_DOCUMENT_INVALID: Meaning(
        400,
        "The client's metadata document is not usable.",
        "Change the member that the description names, then try again.",
    ),
    Code.CLIENT_DOCUMENT_UNAVAILABLE: Meaning(
        503, "The client's metadata document cannot be fetched.", "Try again; if it stays, look at the document's host."
    ),
    Code.REGISTRATION_LIMIT: Meaning(
        429, "Too many registrations.", "Keep the client_id of an earlier one, or wait as long as Retry-After says."
    ),
    Code.REGISTRATION_TOKEN: Meaning(
        401, "The registration access token is not valid for this client.", "Register the client again."
    ),
    Code.STACK_PORT_BUSY: Meaning(
        500, "A port is in use.", "Stop what uses it, or choose another by the named option."
    ),
    Code.STACK_DOWNLOAD: Meaning(
        500, "A part could not be downloaded or is not the pinned one.", "Check the network and run the command again."
    ),
    Code.STACK_DISK: Meaning(
        500, "A folder cannot be written or the disk is full.", "Free room or fix the permissions, then run again."
    ),
    Code.STACK_PART_FAILED: Meaning(
        500, "A part of the stack did not start.", "Read its log file, named in the message."
    ),
    Code.STACK_RUNNING: Meaning(
        500, "The stack is already running.", "gatelodge status shows it; gatelodge down stops it."
    ),
    Code.REALM_REFUSED: Meaning(
        500, "Keycloak refused a realm change.", "Read the answer in the message and Keycloak's log."
    ),
    Code.LINK_FAILED: Meaning(500, "A client could not be linked.", "The message names the step that failed."),
    Code.VAULT_KEY: Meaning(
        500, "The vault's key is not usable.", "Set GATELODGE_VAULT_KEY or GATELODGE_VAULT_KEY_FILE to the key in use."
    ),
    Code.VAULT_UNREADABLE: Meaning(
        503, "The stored credential cannot be read.", "Link the account again, or store the credential again."
    ),
    Code.STORE_READ_ONLY: Meaning(
        405, "This store cannot be written.", "Use the sqlite or postgres store (GATELODGE_TOKEN_STORE)."
    ),
    Code.STORAGE_UNAVAILABLE: Meaning(
        503, "The database does not answer right now.", "Try again; the server's log says what it waits for."
    ),
    Code.STORAGE_FAULT: Meaning(
        500, "The database could not be used.", "Read the server's log; trying again does not help."
    ),
    Code.STORAGE_CONFLICT: Meaning(409, "Another change came first.", "Read the present state, then try again."),
    Code.CONNECTION_MISSING: Meaning(
        409, "The account is not linked.", "Link it on the page of connected accounts, then try again."
    ),
    Code.CONNECTION_NEEDS_REAUTH: Meaning(
        409, "The linked account has to be linked again.", "Link it again on the page of connected accounts."
    ),
    Code.PROVIDER_UNAVAILABLE: Meaning(
        502, "The account's provider does not answer as it should.", "Try again later; the account stays linked."
    ),
    Code.PROVIDER_MISCONFIGURED: Meaning(
        500, "The provider is not configured correctly.", "Ask the operator: the log names the setting."
    ),
    Code.PROVIDER_REFUSED: Meaning(
        502, "The provider refused the request.", "Start again; ask the operator if it stays."
    ),
    Code.PROVIDER_LIMITED: Meaning(
        429, "The provider takes no more requests for now.", "Try again after the time in Retry-After."
    ),
    Code.AUTHORIZATION_STATE: Meaning(
        400, "This authorization is not under way here, or it is over.", "Start to link the account again."
    ),
    Code.SESSION_REQUIRED: Meaning(401, "Nobody is signed in.", "Sign in, or send an access token of this server."),
    Code.CSRF_REFUSED: Meaning(
        403,
        "The request did not come from this server's own page.",
        "Open the page of connected accounts and try again.",
    ),
    Code.SIGN_IN_REFUSED: Meaning(400, "The sign-in did not come to its end.", "Sign in again."),
    Code.RETURN_REFUSED: Meaning(
        400,
        "That is no address to return to.",
        "Use an address of GATELODGE_RETURN_TO, exactly as it is written there.",
    ),
    Code.PROXY_REFUSED: Meaning(
        403, "That call of the provider's API is not allowed here.", "Use a method and a path of the allow-list."
    ),
    Code.ARGUMENT_REFUSED: Meaning(
        400, "An argument of the tool is not usable.", "Change the argument that the message names, then call again."
    ),
}

"""The closed set of error codes. A text may change between releases, a code may not.

A new code is a member here and its meaning in a table of ``core.meanings``, under the member's value; then the reference
is generated anew. Not here: how a code is rendered on a wire (``core.problem``, ``resource_server.challenge``).
"""

from enum import Enum

from gatelodge.core.meanings.accounts import ACCOUNTS
from gatelodge.core.meanings.meaning import Meaning
from gatelodge.core.meanings.registration import REGISTRATION
from gatelodge.core.meanings.requests import REQUESTS
from gatelodge.core.meanings.starts import STARTS

__all__ = ["Code", "Meaning"]

# The page that explains each code, under an anchor of the code's name: a path of the project's repository.
_REFERENCE = "docs/reference/errors.md"


class Code(Enum):
    """Stable error codes; the value is what the wire and the logs show."""

    SETTINGS_INVALID = "settings_invalid"
    TOOL_UNDECLARED = "tool_undeclared"
    CORPUS_UNREADABLE = "corpus_unreadable"
    TOKEN_MISSING = "token_missing"  # noqa: S105 - a code, not a token
    CREDENTIALS_MALFORMED = "credentials_malformed"
    TOKEN_REJECTED = "token_rejected"  # noqa: S105 - a code, not a password
    SCOPE_MISSING = "scope_missing"
    SCOPE_NOT_GIVEN = "scope_not_given"
    KEYS_UNAVAILABLE = "keys_unavailable"
    ISSUER_UNAVAILABLE = "issuer_unavailable"
    ISSUER_MISMATCH = "issuer_mismatch"
    ORIGIN_REFUSED = "origin_refused"
    HOST_REFUSED = "host_refused"
    HEADER_MISMATCH = "header_mismatch"
    PROTOCOL_REFUSED = "protocol_refused"
    BODY_TOO_LARGE = "body_too_large"
    BODY_MALFORMED = "body_malformed"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CALL_FAILED = "call_failed"
    INTERNAL_ERROR = "internal_error"
    SERVER_STOPPING = "server_stopping"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_ANSWER_UNUSABLE = "upstream_answer_unusable"
    REGISTRATION_REDIRECT = "registration_redirect"
    REGISTRATION_METADATA = "registration_metadata"
    REGISTRATION_REFUSED = "registration_refused"
    REGISTRATION_LIMIT = "registration_limit"
    REGISTRATION_TOKEN = "registration_token"  # noqa: S105 - a code, not a token
    AUTHORIZATION_REQUEST = "authorization_request"
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
    LIMIT_REACHED = "limit_reached"
    OVERLOADED = "overloaded"

    @property
    def meaning(self) -> Meaning:
        """Statuses, public text, likely cause and hint of this code."""
        return _MEANINGS[self.value]

    @property
    def link(self) -> str:
        """Where the reference explains this code: page and anchor, relative to the root of the documentation."""
        return f"{_REFERENCE}#{self.value}"


_MEANINGS: dict[str, Meaning] = REQUESTS | REGISTRATION | ACCOUNTS | STARTS

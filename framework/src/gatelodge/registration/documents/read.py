"""One client-id metadata document, read (draft-ietf-oauth-client-id-metadata-document, section 4; RFC 7591, section 2).

Invariant: what comes out names redirects on the hosts of the document's owner or on the user's own computer only, and
holds no secret. A member nobody knows here is never a reason to refuse.
"""

from typing import Any, get_args

from gatelodge.registration.documents.document_url import checked_url, host_of
from gatelodge.registration.documents.errors import ClientIdInvalid, DocumentInvalid
from gatelodge.registration.documents.hosts import DocumentHosts
from gatelodge.registration.documents.key_sets import public_keys
from gatelodge.registration.documents.model import ClientDocument, Method
from gatelodge.registration.documents.names import safe_name
from gatelodge.registration.documents.strict_object import strict_object
from gatelodge.registration.errors import InvalidRedirectUri
from gatelodge.registration.redirects import check_redirects

__all__ = ["MAX_DOCUMENT_BYTES", "read_document"]

# The draft's own limit (section 6.6).
MAX_DOCUMENT_BYTES = 5 * 1024
GRANTS = ("authorization_code", "refresh_token")
SIGNING = frozenset(
    {*("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), *("ES256", "ES384", "ES512", "EdDSA", "Ed25519")}
)
# A document is public: what stands in it is no secret any more (draft, section 4.1).
SECRETS = ("client_secret", "client_secret_expires_at")
METHOD, METHODS = "token_endpoint_auth_method", "token_endpoint_auth_methods_supported"
MAX_METHODS = 20


def read_document(
    raw: bytes,
    client_id: str,
    *,
    hosts: DocumentHosts,
    methods: tuple[str, ...] = get_args(Method),
) -> ClientDocument:
    """The client that ``raw``, fetched from ``client_id``, describes. Raises: ClientIdInvalid, DocumentInvalid."""
    host = host_of(checked_url(client_id))
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise DocumentInvalid(f"The document is over {MAX_DOCUMENT_BYTES} bytes.")
    sent = strict_object(raw, "document")
    if sent.get("client_id") != client_id:
        raise DocumentInvalid("client_id must be exactly the URL that the document is served from.")
    for member in SECRETS:
        if member in sent:
            raise DocumentInvalid(f"{member} must not be in a public document. Replace that secret, and take it out.")
    jwks_uri, jwks = _keys(sent, host, hosts)
    method = _method(sent, methods, has_keys=bool(jwks_uri or jwks))
    signed = method == "private_key_jwt"
    _grants(sent, "response_types", ("code",))
    return ClientDocument(
        client_id=client_id,
        host=host,
        name=safe_name(sent.get("client_name"), host),
        redirect_uris=_redirects(sent, host, hosts),
        method=method,
        signing_alg=_algorithm(sent) if signed else None,
        jwks_uri=jwks_uri if signed else None,
        jwks=jwks if signed else None,
        grant_types=_grants(sent, "grant_types", GRANTS),
    )


def _redirects(sent: dict[str, Any], host: str, hosts: DocumentHosts) -> tuple[str, ...]:
    uris = sent.get("redirect_uris")
    if not isinstance(uris, list):
        raise DocumentInvalid("redirect_uris must be an array of strings.")
    try:
        check_redirects(uris, hosts.redirects(host))
    except InvalidRedirectUri as error:
        raise DocumentInvalid(error.description, detail=error.detail) from error
    return tuple(dict.fromkeys(uris))


def _method(sent: dict[str, Any], methods: tuple[str, ...], *, has_keys: bool) -> Method:
    """The singular method when it can be had here, else the first of the plural ones; ``none`` without either."""
    liked, offered = sent.get(METHOD), sent.get(METHODS)
    if liked is not None and not isinstance(liked, str):
        raise DocumentInvalid(f"{METHOD} must be a string.")
    if offered is None:
        offered = []
    if (
        not isinstance(offered, list)
        or len(offered) > MAX_METHODS
        or not all(isinstance(name, str) for name in offered)
    ):
        raise DocumentInvalid(f"{METHODS} must be an array of at most {MAX_METHODS} strings.")
    wished = [liked, *offered] if liked is not None else offered or ["none"]
    possible: list[Method] = [
        known for name in wished for known in get_args(Method) if name == known and name in methods
    ]
    for method in possible:
        if method == "none" or has_keys:
            return method
    if possible:
        raise DocumentInvalid("private_key_jwt needs jwks_uri or jwks in the document.")
    raise DocumentInvalid(f"{METHOD} (or {METHODS}) must have one of: {', '.join(methods)}.")


def _keys(sent: dict[str, Any], host: str, hosts: DocumentHosts) -> tuple[str | None, dict[str, Any] | None]:
    """Where the client's keys are, or the keys themselves."""
    uri, jwks = sent.get("jwks_uri"), sent.get("jwks")
    if uri is not None and jwks is not None:
        raise DocumentInvalid("jwks_uri and jwks must not both be in the document.")
    if jwks is not None:
        return None, public_keys(jwks)
    if uri is None:
        return None, None
    try:
        good = isinstance(uri, str) and host_of(checked_url(uri)) in hosts.of_owner(host)
    except ClientIdInvalid:
        good = False
    if not good:
        allowed = ", ".join(sorted(hosts.of_owner(host)))
        raise DocumentInvalid(f"jwks_uri must be https://host/path without port or query on: {allowed}.")
    return str(uri), None


def _algorithm(sent: dict[str, Any]) -> str | None:
    algorithm = sent.get("token_endpoint_auth_signing_alg")
    if algorithm is None:
        return None
    if not isinstance(algorithm, str) or algorithm not in SIGNING:
        raise DocumentInvalid(f"token_endpoint_auth_signing_alg must be one of: {', '.join(sorted(SIGNING))}.")
    return algorithm


def _grants(sent: dict[str, Any], member: str, possible: tuple[str, ...]) -> tuple[str, ...]:
    """What of a list can be had here, the first of ``possible`` being needed and the default (RFC 7591, section 2)."""
    asked = sent.get(member)
    if asked is None:
        return possible[:1]
    if not isinstance(asked, list) or possible[0] not in asked:
        raise DocumentInvalid(f"{member} must be an array with {possible[0]}.")
    return tuple(name for name in possible if name in asked)

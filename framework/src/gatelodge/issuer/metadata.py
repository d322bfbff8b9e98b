"""An authorization server's metadata: fetched, checked, kept, and curated for MCP clients (RFC 8414).

Section 3.3 of the RFC: ``issuer`` must be the configured string, byte by byte. Invariant: the curated document promises
only what a client of this realm can really have, because clients ask for everything that is promised.

Not here: the URLs it is served at (``app``), and whether client-id metadata documents work (``app.desk``, which says so).
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.issuer.config import IssuerConfig
from gatelodge.issuer.disk_copy import DiskCopy
from gatelodge.issuer.errors import Unavailable
from gatelodge.issuer.last_good import LastGood
from gatelodge.outbound.client import Outbound, UpstreamAnswerUnusable, UpstreamUnreachable

__all__ = ["IssuerMismatch", "IssuerUnavailable", "MetadataSource", "curate", "fetch_metadata"]

logger = logging.getLogger(__name__)

# Keycloak's document has about 7 kB.
MAX_BYTES = 50_000
REALM_SCOPES = ("openid", "email", "profile", "offline_access")
GRANTS = ("authorization_code", "refresh_token")
CLIENT_AUTHENTICATION = ("client_secret_basic", "client_secret_post", "private_key_jwt")
DOCUMENTS_MEMBER = "client_id_metadata_document_supported"
METHODS_MEMBER = "token_endpoint_auth_methods_supported"
# Members cut down where they are there: name, what may stay, what is put first.
NARROWED: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("revocation_endpoint_auth_methods_supported", CLIENT_AUTHENTICATION, ("none",)),
    ("introspection_endpoint_auth_methods_supported", CLIENT_AUTHENTICATION, ()),
    ("response_modes_supported", ("query", "form_post"), ()),
)

# What a client must not be led to use, and why.
WITHDRAWN = frozenset(
    {
        # Grants that no registered client may use.
        "device_authorization_endpoint",
        "backchannel_authentication_endpoint",
        "backchannel_authentication_request_signing_alg_values_supported",
        "backchannel_token_delivery_modes_supported",
        "backchannel_user_code_parameter_supported",
        # Pushed requests (RFC 9126): not part of the tested way.
        "pushed_authorization_request_endpoint",
        "require_pushed_authorization_requests",
        # Tokens bound to a certificate or a DPoP key: the proxy ends TLS, and the resource server refuses ``cnf``.
        "mtls_endpoint_aliases",
        "tls_client_certificate_bound_access_tokens",
        "dpop_signing_alg_values_supported",
        # Signed authorization answers (JARM): their response modes are withdrawn.
        "authorization_signing_alg_values_supported",
        "authorization_encryption_alg_values_supported",
        "authorization_encryption_enc_values_supported",
        # Client-id metadata documents: Keycloak's own support is off, the desk's is said by ``curate``.
        DOCUMENTS_MEMBER,
    }
)


class IssuerUnavailable(Unavailable):
    """No usable metadata came, and none ever did."""

    code = Code.ISSUER_UNAVAILABLE


class IssuerMismatch(Unavailable):
    """The metadata names another issuer than the configured one."""

    code = Code.ISSUER_MISMATCH


async def fetch_metadata(outbound: Outbound, config: IssuerConfig) -> dict[str, Any]:
    """The issuer's own document, its ``issuer`` checked. Raises: IssuerUnavailable, IssuerMismatch."""
    url = f"{config.base_url}/.well-known/openid-configuration"
    try:
        document = await outbound.get_json(url, max_bytes=MAX_BYTES)
    except (UpstreamUnreachable, UpstreamAnswerUnusable) as error:
        raise IssuerUnavailable(f"no metadata of {config.issuer}: {error.detail}") from error
    return _of_issuer(document, config, url)


def _of_issuer(document: dict[str, Any], config: IssuerConfig, source: str) -> dict[str, Any]:
    if document.get("issuer") != config.issuer:
        named = repr(document.get("issuer"))[:200]
        raise IssuerMismatch(f"{source} names the issuer {named}, configured is {config.issuer!r}")
    return document


def curate(document: Mapping[str, Any], *, scopes: Iterable[str], client_documents: bool = False) -> dict[str, Any]:
    """A new document for clients, made from ``document``; ``scopes`` are the servers' own.

    ``client_documents``: a client may use the URL of its metadata document as its ``client_id``.

    Members not named in this module pass unchanged. A scope is listed only when the issuer offers it as well: one that
    cannot be had makes it refuse the whole authorization request.
    """
    curated = {name: deepcopy(value) for name, value in document.items() if name not in WITHDRAWN}
    offered = _strings(document, "scopes_supported")
    listed = [name for name in dict.fromkeys((*REALM_SCOPES, *scopes)) if name in offered]
    # RFC 8414, section 3.2: no member without elements.
    curated.pop("scopes_supported", None)
    if listed:
        curated["scopes_supported"] = listed
    curated["code_challenge_methods_supported"] = ["S256"]
    curated["grant_types_supported"] = list(GRANTS)
    curated["response_types_supported"] = ["code"]
    # RFC 8414, section 2: without the member it is client_secret_basic.
    methods = _strings(document, METHODS_MEMBER) or ["client_secret_basic"]
    # Keycloak does not name ``none``, yet serves public clients at the token and the revocation endpoint.
    curated[METHODS_MEMBER] = ["none", *_kept(methods, CLIENT_AUTHENTICATION)]
    for member, allowed, public in NARROWED:
        if member in document:
            curated[member] = [*public, *_kept(_strings(document, member), allowed)]
            if not curated[member]:
                del curated[member]
    if client_documents:
        curated[DOCUMENTS_MEMBER] = True
    return curated


def _kept(values: Collection[str], allowed: Iterable[str]) -> list[str]:
    return [name for name in allowed if name in values]


def _strings(document: Mapping[str, Any], member: str) -> list[str]:
    value = document.get(member)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


class MetadataSource:
    """The issuer's metadata, kept for ``metadata_ttl`` and, while the issuer is down, for as long as that lasts.

    With a ``state`` folder the last good document also outlives this process, up to ``keys_stale_limit``.
    """

    def __init__(self, outbound: Outbound, config: IssuerConfig, clock: Clock, state: Path | None = None) -> None:
        self._outbound = outbound
        self._config = config
        self._clock = clock
        self._disk = DiskCopy(state, config.issuer, "metadata", config.keys_stale_limit, clock) if state else None
        self._kept = LastGood(
            self._load,
            clock,
            unfetched=IssuerUnavailable(f"no metadata of {config.issuer}"),
            ttl=config.metadata_ttl,
            cooldown=config.keys_cooldown,
            restore=self._restore,
        )

    async def raw(self) -> Mapping[str, Any]:
        """The document as the issuer gave it; not to be changed. Raises: IssuerUnavailable, IssuerMismatch."""
        return await self._kept.get()

    async def curated(self) -> dict[str, Any]:
        """A new document for clients, see ``curate``. Raises: IssuerUnavailable, IssuerMismatch."""
        return curate(await self.raw(), scopes=self._config.scopes)

    @property
    def found(self) -> tuple[float, float]:
        """Age of the document at hand and how long its fetch took, in seconds."""
        return self._kept.found

    async def aclose(self) -> None:
        """End the fetch in flight, if there is one."""
        await self._kept.aclose()

    async def _load(self) -> Mapping[str, Any]:
        asked = self._clock.now()
        document = await fetch_metadata(self._outbound, self._config)
        missing = sorted(set(self._config.scopes) - set(_strings(document, "scopes_supported")))
        if missing:
            logger.warning("%s does not offer %s: clients are not told of it", self._config.issuer, " ".join(missing))
        if self._disk is not None:
            await self._disk.save(document, asked)
        return document

    def _restore(self) -> tuple[Mapping[str, Any], float] | None:
        copy = self._disk.load() if self._disk is not None else None
        try:
            return copy and (_of_issuer(copy[0], self._config, "the copy on disk"), copy[1])
        except IssuerMismatch as error:
            logger.warning("ignored: %s", error.detail)
            return None

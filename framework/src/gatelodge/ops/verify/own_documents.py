"""The verifier's own client metadata documents, as ChatGPT's look, and the key of the one that signs.

draft-ietf-oauth-client-id-metadata-document; RFC 7523, section 2.2; RFC 7517. Invariant: an address names its content,
so that no copy that somebody kept is ever an old one; the private key leaves this module in signatures only.
Not here: where they can be served so that a desk reads them (``local``), trying them (``client_documents``).
"""

import asyncio
import hashlib
import json
import secrets
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, get_args

from joserfc import jwt
from joserfc.jwk import RSAKey

from gatelodge.core.clock import Clock
from gatelodge.ops.verify.loopback import LINE_LIMIT, LocalAnswer, serve_one

__all__ = ["REDIRECT", "Method", "OwnDocuments", "new_key", "publishing"]

Method = Literal["none", "private_key_jwt"]
# A loopback address: a document may name it whatever its own host is. Nothing has to listen there.
REDIRECT = "http://127.0.0.1:33419/callback"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SECONDS = 60
# The longest that desks keep a copy: nobody is here to answer when the run is over.
_KEPT = "max-age=86400"


def new_key() -> RSAKey:
    """A key for RS256."""
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)


class OwnDocuments:
    """One document per method, and the key set of both. ``unserved`` says why nothing is published."""

    def __init__(self, host: str, key: RSAKey, clock: Clock, *, folder: str = "client") -> None:
        self.unserved = ""
        self._clock = clock
        self._key = key
        keys = json.dumps({"keys": [key.as_dict(private=False)]})
        self._pages: dict[str, str] = {(keys_path := _named("keys", keys)): keys}
        self._urls: dict[Method, str] = {}
        for method in get_args(Method):
            members = _members(method, f"https://{host}{keys_path}")
            path = f"/{folder}{_named(method.replace('_', '-'), json.dumps(members))}"
            self._urls[method] = f"https://{host}{path}"
            self._pages[path] = json.dumps({"client_id": self._urls[method], **members})

    def url(self, method: Method) -> str:
        """The client id of the document that says ``method``."""
        return self._urls[method]

    def page(self, target: str) -> LocalAnswer | None:
        """What is served at a path."""
        body = self._pages.get(target)
        return LocalAnswer(body, "application/json", _KEPT) if body else None

    def assertion(self, client_id: str, audience: str, *, forged: bool = False) -> dict[str, str]:
        """The members that authenticate one token request; ``forged``: signed by a key that is not the client's."""
        now = int(self._clock.now())
        claims = {"iss": client_id, "sub": client_id, "aud": audience, "iat": now, "exp": now + _SECONDS}
        header = {"alg": "RS256", "kid": self._key.kid}
        signed = jwt.encode(header, {**claims, "jti": secrets.token_hex(16)}, new_key() if forged else self._key)
        return {"client_assertion_type": _ASSERTION, "client_assertion": signed}


@asynccontextmanager
async def publishing(documents: OwnDocuments, port: int, certificate: str) -> AsyncIterator[OwnDocuments]:
    """Serve them over TLS at a port of 127.0.0.1 until the block ends; ``certificate`` is PEM with its key."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_one(reader, writer, documents.page)

    try:
        server = await asyncio.start_server(
            handle, "127.0.0.1", port, ssl=_context(certificate), limit=LINE_LIMIT, ssl_handshake_timeout=5
        )
    except OSError as error:
        documents.unserved = f"port {port} for the document cannot be had, is another verification running? ({error})"
        yield documents
        return
    try:
        yield documents
    finally:
        server.close()
        await server.wait_closed()


def _context(certificate: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:  # readable by its owner only
        path = Path(folder) / "certificate.pem"
        path.write_text(certificate, encoding="ascii")
        context.load_cert_chain(path)
    return context


def _members(method: Method, keys_url: str) -> dict[str, Any]:
    return {
        "client_name": "gatelodge verify",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        # Both members, as ChatGPT's document has them.
        "token_endpoint_auth_method": method,
        "token_endpoint_auth_methods_supported": list(get_args(Method)),
        "token_endpoint_auth_signing_alg": "RS256",
        "jwks_uri": keys_url,
    }


def _named(name: str, content: str) -> str:
    return f"/{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}.json"

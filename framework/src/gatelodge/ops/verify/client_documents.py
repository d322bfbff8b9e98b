"""Checks of clients that are known by their own document (checklist B7; client ID metadata documents)."""

from gatelodge.ops.link.oauth_types import RegisteredClient
from gatelodge.ops.verify.check import Check, Outcome, Status, Unmet, check, failed, passed, skipped, unseen
from gatelodge.ops.verify.finding import issuer
from gatelodge.ops.verify.linking import attempt, grant, scripted_only
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.trading import exchange, token_set

__all__ = ["CHECKS"]


async def _document_client(session: Session) -> str:
    found, url = await issuer(session), session.target.document_url
    if not session.profile.documents:
        raise Unmet("B7-document", f"{session.profile.title} has no document", status=Status.NOT_APPLICABLE)
    if found.document.get("client_id_metadata_document_supported") is not True:
        raise Unmet("B7-document", "the issuer does not offer it", status=Status.NOT_APPLICABLE)
    if url is None:
        reason = "needs a document of our own on a public https URL: --client-document-url"
        raise Unmet("B7-document", reason, status=Status.NOT_EVALUATED)
    return url


@check(
    "B7-flag",
    "The issuer's word on client-id metadata documents is consistent",
    source="MCP authorization 2026-07-28 (client ID metadata documents)",
    fix="Announce client_id_metadata_document_supported only where such a client_id is really accepted.",
)
async def flag(session: Session) -> Outcome:
    document = (await issuer(session)).document
    if document.get("client_id_metadata_document_supported") is True:
        return passed("offered; B7-document tries it")
    if document.get("registration_endpoint") or session.target.client_id:
        return passed("not offered, and there is another way")
    return failed("not offered, and there is no other way")


@check(
    "B7-document",
    "A client that is known by its own document links, with the plural method member in it",
    source="draft-ietf-oauth-client-id-metadata-document; SEP-3149; reported at keycloak/keycloak#51236",
    fix="Ignore members of the document that you do not know, and negotiate the method with"
    " token_endpoint_auth_methods_supported.",
)
async def own_document(session: Session) -> Outcome:
    url = await _document_client(session)
    scripted_only(session)
    served = (await session.plain_wire.get(url)).json()
    uris = served.get("redirect_uris")
    if served.get("client_id") != url or not isinstance(uris, list) or not uris:
        return unseen(f"{url} is no client metadata document of its own address")
    await grant(session)
    tried = await attempt(session, RegisteredClient(url), redirect=str(uris[0]))
    if tried.callback is None or not tried.callback.code:
        return failed(tried.says())
    reply = await exchange(session, tried)
    return passed("a token") if token_set(session, reply) else failed(f"{reply.says()}: {reply.text[:200]}")


@check(
    "B7-private-key-jwt",
    "A client that is known by its own document can authenticate with private_key_jwt",
    source="OpenAI, plugins/build/auth; RFC 7523, section 2.2",
    fix="Accept private_key_jwt with the keys of the document's jwks_uri.",
    clients=("chatgpt",),
)
async def private_key(session: Session) -> Outcome:
    found = await issuer(session)
    if found.document.get("client_id_metadata_document_supported") is not True:
        return skipped("the issuer does not take client-id metadata documents")
    if "private_key_jwt" not in found.listed("token_endpoint_auth_methods_supported"):
        return skipped("private_key_jwt is not announced, so the client takes none")
    return unseen("needs a published key set of our own; B7-document tries the method none")


CHECKS: tuple[Check, ...] = (
    flag,
    own_document,
    private_key,
)

"""Checks of clients that are known by their own document (checklist B7; client ID metadata documents)."""

from gatelodge.ops.link.oauth_types import RegisteredClient
from gatelodge.ops.verify.check import Check, Outcome, Status, Unmet, check, failed, passed, skipped, unseen
from gatelodge.ops.verify.finding import issuer
from gatelodge.ops.verify.linking import attempt, grant, scripted_only
from gatelodge.ops.verify.own_documents import REDIRECT
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.trading import exchange, token_set

__all__ = ["CHECKS"]


async def _offered(session: Session, check_id: str) -> None:
    """Raises: Unmet, where the issuer or the client has no documents."""
    if not session.profile.documents:
        raise Unmet(check_id, f"{session.profile.title} has no document", status=Status.NOT_APPLICABLE)
    if (await issuer(session)).document.get("client_id_metadata_document_supported") is not True:
        raise Unmet(check_id, "the issuer does not offer it", status=Status.NOT_APPLICABLE)
    scripted_only(session)


async def _published(session: Session) -> tuple[str, str] | Outcome:
    """The client id of a document that says ``none``, and a redirect URI of it; or why there is none."""
    url, own = session.target.document_url, session.target.documents
    if url is None:
        if own is None:
            return unseen("needs a document of our own on a public https URL: --client-document-url")
        if own.unserved:
            return unseen(own.unserved)
        session.documented.append(own.url("none"))
        return own.url("none"), REDIRECT
    served = (await session.plain_wire.get(url)).json()
    uris = served.get("redirect_uris")
    if served.get("client_id") != url or not isinstance(uris, list) or not uris:
        return unseen(f"{url} is no client metadata document of its own address")
    return url, str(uris[0])


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
    await _offered(session, "B7-document")
    found = await _published(session)
    if isinstance(found, Outcome):
        return found
    client_id, redirect = found
    await grant(session)
    tried = await attempt(session, RegisteredClient(client_id), redirect=redirect)
    if tried.callback is None or not tried.callback.code:
        return failed(tried.says())
    reply = await exchange(session, tried)
    return passed("a token") if token_set(session, reply) else failed(f"{reply.says()}: {reply.text[:200]}")


@check(
    "B7-private-key-jwt",
    "A client that is known by its own document can authenticate with private_key_jwt",
    source="OpenAI, plugins/build/auth; RFC 7523, section 2.2",
    fix="Accept private_key_jwt with the keys of the document's jwks_uri, and with no others.",
    clients=("chatgpt",),
)
async def private_key(session: Session) -> Outcome:
    await _offered(session, "B7-private-key-jwt")
    own, found = session.target.documents, await issuer(session)
    if "private_key_jwt" not in found.listed("token_endpoint_auth_methods_supported"):
        return skipped("private_key_jwt is not announced, so the client takes none")
    if own is None or own.unserved:
        return unseen(
            own.unserved if own else "needs a published key set of our own, which a local stack has a place for"
        )
    await grant(session)
    made = RegisteredClient(own.url("private_key_jwt"), auth_method="private_key_jwt")
    session.documented.append(made.client_id)
    tried = await attempt(session, made, redirect=REDIRECT)
    if tried.callback is None or not tried.callback.code:
        return failed(tried.says())
    reply = await exchange(session, tried)
    tokens = token_set(session, reply)
    if tokens is None:
        return failed(f"{reply.says()}: {reply.text[:200]}")
    return await _signed_by_another(session, made, tokens.refresh_token)


async def _signed_by_another(session: Session, made: RegisteredClient, refresh_token: str | None) -> Outcome:
    """Whether the client's refresh token is kept from whoever has another key."""
    own, found = session.target.documents, await issuer(session)
    if own is None or refresh_token is None:
        return passed("a token for an assertion by RS256; there is no refresh token to try another key with")
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": made.client_id}
    forged = own.assertion(made.client_id, found.name, forged=True)
    reply = await session.wire.post_form(found.server.token_endpoint, {**form, **forged})
    if token_set(session, reply) is not None:
        return failed("an assertion that is signed by another key is accepted too")
    return passed(f"a token for an assertion by RS256; by another key: {reply.says()}")


CHECKS: tuple[Check, ...] = (
    flag,
    own_document,
    private_key,
)

"""Checks of the authorization server's metadata (checklist A4 and A5; RFC 8414, RFC 7636, RFC 9207)."""

from typing import Any
from urllib.parse import urlsplit

from gatelodge.ops.verify.check import Check, Outcome, check, failed, passed, skipped, unseen
from gatelodge.ops.verify.finding import challenged, issuer, issuer_forms, resource
from gatelodge.ops.verify.session import Session

__all__ = ["CHECKS"]

_KNOWN_METHODS = ("none", "client_secret_post", "client_secret_basic", "private_key_jwt")


@check(
    "A4-metadata",
    "The issuer's metadata is found, and its `issuer` is the announced string byte by byte",
    source="RFC 8414, section 3.3; MCP authorization 2026-07-28; OpenAI, plugins/build/auth; reported at kernel/kernel-mcp-server PR 91",
    fix="Serve RFC 8414 or OpenID Connect metadata for the issuer, with `issuer` equal to the entry in"
    " authorization_servers: same host, port, case and slash.",
)
async def found(session: Session) -> Outcome:
    return passed(f"issuer {(await issuer(session)).name}")


@check(
    "A4-https",
    "The issuer's endpoints are https",
    source="OAuth 2.1, section 1.5; MCP authorization, communication security",
    fix="Make the issuer's public hostname https, and pass X-Forwarded-Proto from the proxy.",
)
async def https(session: Session) -> Outcome:
    document = (await issuer(session)).document
    plain = [name for name, value in document.items() if name.endswith("_endpoint") and str(value).startswith("http:")]
    return failed(f"plain http: {', '.join(plain)}") if plain else passed("every endpoint is https")


@check(
    "A4-json",
    "Well-known addresses answer JSON or a clean 404, never a page",
    source="Reported at remote-desktop-commander#1: a site answers unknown paths with 200 and HTML, and discovery reads it",
    fix="Answer unknown paths below /.well-known/ with a JSON 404, before any single-page application.",
)
async def no_pages(session: Session) -> Outcome:
    named = (await resource(session)).issuers[0]
    base = f"{urlsplit(session.url).scheme}://{urlsplit(session.url).netloc}/.well-known"
    urls = [
        *issuer_forms(named),
        f"{base}/oauth-authorization-server{urlsplit(session.url).path}",
        f"{base}/openid-configuration{urlsplit(session.url).path}",
        f"{base}/oauth-protected-resource/no-such-server",
    ]
    faults: list[str] = []
    for url in dict.fromkeys(urls):
        reply = await session.wire.get(url)
        if (reply.status == 200 and not reply.json()) or 300 <= reply.status < 400 or reply.status >= 500:
            faults.append(f"{url}: {reply.says()}")
    return failed("; ".join(faults)) if faults else passed("JSON, or a 4xx, at every address that clients try")


@check(
    "A5-s256",
    "PKCE with S256 is announced",
    source="MCP authorization 2026-07-28 (clients refuse otherwise); OpenAI, plugins/build/auth",
    fix="List S256 in code_challenge_methods_supported.",
)
async def s256(session: Session) -> Outcome:
    methods = (await issuer(session)).listed("code_challenge_methods_supported")
    return passed(", ".join(methods)) if "S256" in methods else failed(f"{methods or 'absent'}")


@check(
    "A5-methods",
    "A token endpoint authentication method that the client has is announced",
    source="OpenAI, plugins/build/auth (none, client_secret_post, client_secret_basic; private_key_jwt by document)",
    fix="List none, client_secret_post or client_secret_basic in token_endpoint_auth_methods_supported.",
)
async def methods(session: Session) -> Outcome:
    listed = (await issuer(session)).listed("token_endpoint_auth_methods_supported")
    usable = [name for name in listed if name in _KNOWN_METHODS]
    if not listed:
        return passed("absent, which means client_secret_basic (RFC 8414, section 2)")
    return passed(", ".join(usable)) if usable else failed(", ".join(listed))


@check(
    "A5-registration",
    "A client can become known: by registration, by its document, or as a predefined client",
    source="OpenAI, plugins/build/auth; MCP authorization 2026-07-28; reported at zuplo.com/learn/mcp/errors/dynamic-client-registration-not-supported",
    fix="Offer registration (RFC 7591) or client-id metadata documents, or give the builder a client id.",
)
async def registration(session: Session) -> Outcome:
    document = (await issuer(session)).document
    documents = document.get("client_id_metadata_document_supported")
    ways = ["registration_endpoint"] if isinstance(document.get("registration_endpoint"), str) else []
    ways += ["client_id_metadata_document_supported"] if documents is True else []
    if documents not in {None, True, False}:
        return failed(f"client_id_metadata_document_supported is {documents!r}, not a boolean")
    if ways:
        return passed(", ".join(ways))
    if session.target.client_id:
        return passed("only a predefined client, which was given")
    return failed("no registration_endpoint, and client-id metadata documents are not offered")


@check(
    "A5-document-none",
    "An issuer that takes client-id metadata documents announces `none`",
    source="Anthropic, connectors/building/authentication (documents only with both); reported at keycloak/keycloak#51236",
    fix="Add none to token_endpoint_auth_methods_supported, or switch client_id_metadata_document_supported off.",
    clients=("claude", "claude-code", "chatgpt", "vscode"),
)
async def document_none(session: Session) -> Outcome:
    found = await issuer(session)
    if found.document.get("client_id_metadata_document_supported") is not True:
        return skipped("client-id metadata documents are not offered")
    listed = found.listed("token_endpoint_auth_methods_supported")
    if "none" in listed or (session.profile.name == "chatgpt" and "private_key_jwt" in listed):
        return passed(", ".join(listed))
    return failed(f"token_endpoint_auth_methods_supported: {', '.join(listed) or 'absent'}")


async def _announced(session: Session) -> tuple[list[str], list[Any]]:
    """The scopes of the challenge, and those of the resource metadata as they stand there."""
    challenge = (await challenged(session)).challenge or {}
    supported = (await resource(session)).document.get("scopes_supported")
    return challenge.get("scope", "").split(), supported if isinstance(supported, list) else []


@check(
    "A5-scopes",
    "The scopes of the challenge and the resource metadata are the issuer's",
    source="RFC 8414, section 2; reported at PrefectHQ/fastmcp#1794",
    fix="Name only scopes that the issuer grants, and list them in its scopes_supported.",
)
async def scopes(session: Session) -> Outcome:
    listed = (await issuer(session)).listed("scopes_supported")
    if not listed:
        return skipped("the issuer lists no scopes")
    challenge, supported = await _announced(session)
    unknown = sorted(str(scope) for scope in {*challenge, *supported} if scope not in listed)
    return failed(f"not in the issuer's list: {', '.join(unknown)}") if unknown else passed("every one is listed")


@check(
    "A5-offline",
    "The issuer lists offline_access",
    source="MCP authorization 2026-07-28; reported at supabase/auth#2628: ChatGPT and Claude refresh only when it is listed and granted",
    fix="Add offline_access to the issuer's scopes_supported and grant it to clients.",
)
async def offline(session: Session) -> Outcome:
    listed = (await issuer(session)).listed("scopes_supported")
    if not listed:
        return unseen("the issuer lists no scopes at all")
    return passed("listed") if "offline_access" in listed else failed(f"scopes_supported: {', '.join(listed)}")


@check(
    "A5-offline-resource",
    "offline_access is neither in the challenge nor in the resource metadata",
    source="MCP authorization 2026-07-28 (SHOULD NOT)",
    fix="Take offline_access out of the challenge and of the resource metadata's scopes_supported.",
)
async def offline_resource(session: Session) -> Outcome:
    challenge, supported = await _announced(session)
    places = ["the challenge"] if "offline_access" in challenge else []
    places += ["the resource metadata"] if "offline_access" in supported else []
    return failed(f"in {' and '.join(places)}") if places else passed("in neither")


CHECKS: tuple[Check, ...] = (
    found,
    https,
    no_pages,
    s256,
    methods,
    registration,
    document_none,
    scopes,
    offline,
    offline_resource,
)

"""Checks of how a client becomes known: registration, an own document, a predefined client (checklist B; RFC 7591)."""

from urllib.parse import urlsplit

from gatelodge.ops.link.oauth_types import RegisteredClient
from gatelodge.ops.verify.check import Check, Outcome, Status, Unmet, check, failed, passed, skipped, unseen
from gatelodge.ops.verify.finding import issuer
from gatelodge.ops.verify.linking import attempt, client, grant, redirect_uri, register, scripted_only
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.trading import exchange, token_set
from gatelodge.ops.verify.wire import Reply

__all__ = ["CHECKS", "second_client"]

_FOREIGN_IDS = (".apps.googleusercontent.com",)


async def _registers(session: Session) -> str:
    """The registration endpoint. Raises: Unmet, when there is none."""
    endpoint = (await issuer(session)).server.registration_endpoint
    if endpoint is None:
        raise Unmet("A5-registration", "the issuer offers no registration", status=Status.NOT_APPLICABLE)
    return endpoint


def _refusal(reply: Reply) -> str:
    return f"{reply.says()}: {reply.text[:200]}"


@check(
    "B6-register",
    "The client's registration is accepted",
    source="RFC 7591, section 3; MCP authorization 2026-07-28; reported at zuplo.com/learn/mcp/errors/dynamic-client-registration-not-supported and plane-mcp-server PR 165",
    fix="Allow this client's redirect URIs at the registration endpoint; do not check the sender's address.",
)
async def registers(session: Session) -> Outcome:
    if session.target.client_id:
        return skipped("a predefined client was given")
    made = await client(session)
    if made.client_id == session.target.document_url:
        return skipped("the client is known by its own document")
    return passed(f"a client for {await redirect_uri(session)}")


@check(
    "B6-callback",
    "The redirect URI of a single connection is accepted too",
    source="OpenAI, plugins/build/auth (/connector/oauth/{callback_id} where `iss` is not sent); reported at plane-mcp-server PR 165",
    fix="Allow https://chatgpt.com/connector/oauth/ with any id, beside the stable redirect URI.",
    clients=("chatgpt",),
)
async def per_connection(session: Session) -> Outcome:
    await _registers(session)
    reply, made = await register(session, session.profile.per_connection())
    return passed("201") if made else failed(_refusal(reply))


@check(
    "B6-members",
    "A registration with members that the server does not know is accepted",
    source="RFC 7591, section 2 (MUST ignore what it does not understand); SEP-3149",
    fix="Ignore unknown members. Stock Keycloak refuses them: put a registration desk in front of it.",
)
async def unknown_members(session: Session) -> Outcome:
    await _registers(session)
    reply, made = await register(
        session,
        await redirect_uri(session),
        token_endpoint_auth_methods_supported=["none", "private_key_jwt"],
        software_id="gatelodge-verify",
        x_unknown_member={"a": 1},
    )
    return passed("201") if made else failed(_refusal(reply))


async def second_client(session: Session) -> RegisteredClient:
    """A second client, with another name. Raises: Unmet (B6-second)."""

    async def make() -> RegisteredClient:
        await _registers(session)
        reply, made = await register(session, await redirect_uri(session))
        if made is None:
            raise Unmet("B6-second", _refusal(reply))
        return made

    return await session.once("second", make)


@check(
    "B6-second",
    "Different clients get different ids",
    source="RFC 7591, section 3.2.1 (equal clients may share one); reported at zuplo.com/learn/mcp/errors/dynamic-client-registration-not-supported: a proxy hands out one foreign client id",
    fix="Issue an own client_id for each client; never pass on the id of an upstream provider.",
)
async def second(session: Session) -> Outcome:
    await _registers(session)
    first, other = await client(session), await second_client(session)
    if other.client_id.endswith(_FOREIGN_IDS):
        return failed(f"the client_id {other.client_id} belongs to an upstream provider")
    if first.client_id == other.client_id:
        return failed(f"two different clients got the client_id {first.client_id}")
    return passed("two registrations, two ids")


@check(
    "B6-expiry",
    "A registered client's secret does not expire",
    source="RFC 7591, section 3.2.1; OpenAI, plugins/build/auth (registers once, reuses the client)",
    fix="Answer client_secret_expires_at 0 and keep registered clients.",
)
async def no_expiry(session: Session) -> Outcome:
    await _registers(session)
    expires = (await second_client(session)).document.get("client_secret_expires_at")
    return failed(f"client_secret_expires_at {expires}") if expires else passed("no end is named")


@check(
    "B6-errors",
    "A refused registration is a JSON error",
    source="RFC 7591, section 3.2.2; reported at openai/codex#38198",
    fix="Answer 400 with error and error_description as JSON, also for a body that is no JSON.",
)
async def errors(session: Session) -> Outcome:
    endpoint = await _registers(session)
    reply = await session.wire.send(
        "POST", endpoint, headers={"content-type": "application/json"}, content=b'{"redirect_uris": "no list"'
    )
    good = 400 <= reply.status < 500 and isinstance(reply.json().get("error"), str)
    return passed(reply.says()) if good else failed(f"a broken body: {_refusal(reply)}")


async def _method(session: Session, method: str) -> Outcome:
    await _registers(session)
    scripted_only(session)
    await grant(session)
    listed = (await issuer(session)).listed("token_endpoint_auth_methods_supported")
    reply, made = await register(session, await redirect_uri(session), token_endpoint_auth_method=method)
    if made is None:
        if method not in listed:
            return skipped(f"{method} is not announced, and its registration is refused")
        return failed(f"announced, but the registration is refused: {_refusal(reply)}")
    tried = await attempt(session, made)
    if tried.callback is None or not tried.callback.code:
        return failed(tried.says())
    answer = await exchange(session, tried)
    return passed(f"a token with {made.auth_method}") if token_set(session, answer) else failed(_refusal(answer))


@check(
    "B8-none",
    "A public client gets a token",
    source="OpenAI, plugins/build/auth; OAuth 2.1, section 2.1; reported at yyjeqhc/webcodex#7",
    fix="Let a client registered with none use the token endpoint without a secret.",
)
async def public_client(session: Session) -> Outcome:
    return await _method(session, "none")


@check(
    "B8-post",
    "A client with client_secret_post gets a token",
    source="OpenAI, plugins/build/auth; reported at yyjeqhc/webcodex#7",
    fix="Take client_id and client_secret from the form, with the secret that the registration gave.",
    clients=("chatgpt",),
)
async def secret_in_form(session: Session) -> Outcome:
    return await _method(session, "client_secret_post")


@check(
    "B8-basic",
    "A client with client_secret_basic gets a token",
    source="OpenAI, plugins/build/auth; RFC 6749, section 2.3.1; reported at yyjeqhc/webcodex#7",
    fix="Take the form-encoded id and secret from the Basic credentials.",
    clients=("chatgpt",),
)
async def secret_in_header(session: Session) -> Outcome:
    return await _method(session, "client_secret_basic")


@check(
    "B8-predefined",
    "A predefined client links",
    source="OpenAI, plugins/build/auth (typed credentials come first)",
    fix="Give the predefined client this client's redirect URIs and the scopes of the challenge.",
)
async def predefined(session: Session) -> Outcome:
    if session.target.client_id is None:
        return unseen("no predefined client was given: --client-id, and --client-secret-file where it has one")
    found = await grant(session)
    return passed(f"a token for {urlsplit(found.attempt.redirect).netloc} by {found.attempt.client.auth_method}")


CHECKS: tuple[Check, ...] = (
    registers,
    second,
    per_connection,
    unknown_members,
    no_expiry,
    errors,
    public_client,
    secret_in_form,
    secret_in_header,
    predefined,
)

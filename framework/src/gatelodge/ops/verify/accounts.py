"""Checks of linked accounts: the pages people link them on, the API that front ends call, the proxy (checklist H).

A server without such pages has nothing to check here. Nothing is linked, unlinked or sent to a provider: what these
checks ask for is refused by a sound server before that.
"""

import json
from collections.abc import Mapping

from gatelodge.connections.place import Place
from gatelodge.connections.registry import PROVIDERS
from gatelodge.ops.verify.challenges import bearer_challenge
from gatelodge.ops.verify.check import Check, Outcome, Status, Unmet, check, failed, passed, skipped, unseen
from gatelodge.ops.verify.finding import asked_scopes
from gatelodge.ops.verify.linking import attempt, grant, scripted_only
from gatelodge.ops.verify.page_headers import page_faults
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.trading import exchange, token_set
from gatelodge.ops.verify.wire import Reply

__all__ = ["CHECKS"]

_ELSEWHERE = "https://elsewhere.example/"
_NO_TOKEN = "not-a-token"  # noqa: S105 - what stands for a token that is none
_SOURCE = "RFC 9728, section 5.1; RFC 6750, section 3"
_JSON = {"content-type": "application/json"}


async def _page(session: Session) -> tuple[Place, Reply]:
    """The page of accounts as a stranger sees it. Raises: Unmet, for a server without one."""

    async def ask() -> tuple[Place, Reply]:
        place = Place(session.url)
        reply = await session.wire.get(f"{place.origin}{place.accounts}")
        api = await session.wire.get(f"{place.origin}{place.base}/api/connections")
        # Another page of that name, of a server without the API, is no concern of these checks.
        if 404 in {reply.status, api.status}:
            raise Unmet("H28-headers", "this server has no pages of connected accounts", status=Status.NOT_APPLICABLE)
        return place, reply

    return await session.once("accounts page", ask)


@check(
    "H28-headers",
    "The page of connected accounts has strict headers",
    source="OWASP, HTTP headers cheat sheet; CSP level 3 (default-src, frame-ancestors); RFC 6797 (HSTS)",
    fix="Let the server's own headers through: a proxy in front must not drop or replace them.",
)
async def headers(session: Session) -> Outcome:
    place, reply = await _page(session)
    if reply.status != 200:
        return failed(f"{place.accounts}: {reply.says()}")
    faults = page_faults(reply.headers, https=place.secure)
    return failed("; ".join(faults)) if faults else passed("no script, no frame, no cache, and HSTS where https")


def _judged(reply: Reply, *, token: bool) -> str:
    """What is wrong with a refusal of a caller; empty when it is right."""
    found = bearer_challenge(reply.headers.get("www-authenticate")) or {}
    if reply.status != 401:
        return f"{reply.says()}, not 401"
    if not found.get("resource_metadata"):
        return f"401, but WWW-Authenticate: {reply.headers.get('www-authenticate', '(absent)')}"
    if ("error" in found) is not token:
        return f"401 with error {found.get('error', '(absent)')}"
    return ""


async def _refusals(session: Session, method: str, path: str, body: bytes | None) -> Outcome:
    place, faults = (await _page(session))[0], list[str]()
    for bearer in (None, _NO_TOKEN):
        sent = dict(_JSON) if body else {}
        sent |= {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        reply = await session.wire.send(method, f"{place.origin}{place.base}{path}", headers=sent, content=body)
        if reply.status == 404:
            return skipped(f"{place.base}{path} is off on this server")
        if fault := _judged(reply, token=bearer is not None):
            faults.append(f"{'without a token' if bearer is None else 'with a token that is none'}: {fault}")
    return (
        failed("; ".join(faults)) if faults else passed("401 with resource_metadata, with error for a bad token only")
    )


@check(
    "H29-connections",
    "The API of connections without a token, or with a bad one, gets 401 and the challenge",
    source=_SOURCE,
    fix='Answer 401 with WWW-Authenticate: Bearer resource_metadata="…", and let the header through the proxy.',
)
async def connections(session: Session) -> Outcome:
    return await _refusals(session, "GET", "/api/connections", None)


@check(
    "H29-proxy",
    "The proxy of providers' APIs without a token, or with a bad one, gets 401 and the challenge",
    source=_SOURCE,
    fix='Answer 401 with WWW-Authenticate: Bearer resource_metadata="…" before the request is read.',
)
async def proxy(session: Session) -> Outcome:
    return await _refusals(session, "POST", "/api/github/proxy", _call("/user"))


@check(
    "H30-allow-list",
    "The proxy refuses a path that is not on its allow-list",
    source="OWASP API7 (server-side request forgery), API5 (function level authorization): deny by default",
    fix="Allow single methods and paths of each provider; refuse all else before the provider is asked.",
)
async def allow_list(session: Session) -> Outcome:
    place, name = (await _page(session))[0], await _configured(session)
    taken: list[str] = []
    for path in ("/gatelodge-verify/not-on-any-list", "/../admin", "//elsewhere.example/user"):
        bearer = {"authorization": f"Bearer {(await grant(session)).tokens.access_token}"}
        url = f"{place.origin}{place.base}/api/{name}/proxy"
        reply = await session.wire.send("POST", url, headers={**_JSON, **bearer}, content=_call(path))
        if reply.status == 404:
            return skipped("the proxy is off on this server")
        if reply.status not in {400, 403}:
            taken.append(f"{path}: {reply.says()}")
    return failed("; ".join(taken)) if taken else passed(f"three paths that no list has are refused ({name})")


@check(
    "H30-return",
    "A link may not lead back to another origin than the operator's",
    source="RFC 9700, section 4.11 (open redirectors)",
    fix="Compare return_to with a list of whole addresses (GATELODGE_RETURN_TO).",
)
async def return_to(session: Session) -> Outcome:
    place, name = (await _page(session))[0], await _configured(session, kind="oauth")
    path = f"{place.base}/api/auth/{name}/url?return_to={_ELSEWHERE}"
    reply = await _get(session, path)
    needed = bearer_challenge(reply.headers.get("www-authenticate")) or {}
    if reply.status == 403 and needed.get("error") == "insufficient_scope":
        wider = await _stepped_up(session, needed.get("scope", "").split())
        if wider is None:
            return unseen("the link's token lacks the scope that changes need, and a wider one was not given")
        reply = await _get(session, path, wider)
    if reply.status in {400, 403} and "authorization_url" not in reply.json():
        return passed(f"{_ELSEWHERE} is refused: {reply.says()}")
    return failed(f"return_to={_ELSEWHERE}: {reply.says()}")


async def _configured(session: Session, kind: str = "") -> str:
    """A provider that is set up at the server. Raises: Unmet."""

    async def ask() -> list[Mapping[str, object]]:
        place = (await _page(session))[0]
        reply = await _get(session, f"{place.base}/api/connections")
        listed = reply.json().get("connections")
        if reply.status != 200 or not isinstance(listed, list):
            raise Unmet("H29-list", f"the list of connections was not given: {reply.says()}")
        return [one for one in listed if isinstance(one, dict) and one.get("provider") in PROVIDERS]

    found = [one for one in await session.once("providers", ask) if not kind or one.get("kind") == kind]
    if not found:
        raise Unmet("H29-list", "no provider is set up at this server", status=Status.NOT_APPLICABLE)
    return str(found[0]["provider"])


@check(
    "H29-list",
    "A linked client gets the list of connections, and no cache keeps it",
    source="RFC 9111, section 5.2.2.5 (no-store)",
    fix="Answer GET …/api/connections with JSON and Cache-Control: no-store for a token of this server.",
)
async def connection_list(session: Session) -> Outcome:
    place = (await _page(session))[0]
    reply = await _get(session, f"{place.base}/api/connections")
    if reply.status != 200 or not isinstance(reply.json().get("connections"), list):
        return failed(reply.says())
    kept = "no-store" not in str(reply.headers.get("cache-control", ""))
    return (
        failed("the answer may be kept by caches") if kept else passed(f"{len(reply.json()['connections'])} providers")
    )


async def _stepped_up(session: Session, scopes: list[str]) -> str | None:
    """A token with these scopes too, as a client gets it after a refusal that names them. Raises: Unmet."""
    scripted_only(session)
    made = (await grant(session)).attempt.client
    tried = await attempt(session, made, scopes=(*await asked_scopes(session), *scopes))
    if tried.callback is None or not tried.callback.code:
        return None
    tokens = token_set(session, await exchange(session, tried))
    return tokens.access_token if tokens else None


async def _get(session: Session, path: str, bearer: str | None = None) -> Reply:
    bearer = bearer or (await grant(session)).tokens.access_token
    return await session.wire.get(f"{Place(session.url).origin}{path}", authorization=f"Bearer {bearer}")


def _call(path: str) -> bytes:
    return json.dumps({"method": "GET", "path": path}).encode()


CHECKS: tuple[Check, ...] = (headers, connections, connection_list, proxy, allow_list, return_to)

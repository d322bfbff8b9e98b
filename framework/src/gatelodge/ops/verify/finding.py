"""The facts before a link: challenge, resource metadata, issuer, scopes to ask for (RFC 9728, RFC 8414).

Invariant: each step does what the profile's client does and nothing cleverer; a fact that is not there raises ``Unmet``
with the id of the check that answers for it.
Not here: what is right or wrong about an answer (the checks), client and tokens (``linking``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatelodge.core.urls import origin_of, path_of, well_known
from gatelodge.ops.link.oauth_types import AuthorizationServer
from gatelodge.ops.verify.challenges import bearer_challenge
from gatelodge.ops.verify.check import Unmet
from gatelodge.ops.verify.messages import Mcp
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.wire import Reply

__all__ = [
    "Challenged",
    "Issuer",
    "Resource",
    "asked_scopes",
    "base_scopes",
    "challenged",
    "issuer",
    "issuer_forms",
    "resource",
    "resource_forms",
]

_OIDC = ("openid", "email", "profile")
_OFFLINE = "offline_access"


@dataclass(frozen=True, slots=True)
class Challenged:
    """The answer to a request without a token. ``open``: the server answered it (mixed mode)."""

    reply: Reply
    challenge: Mapping[str, str] | None
    open: bool


@dataclass(frozen=True, slots=True)
class Resource:
    """The resource metadata that the client found, and where."""

    url: str
    document: Mapping[str, Any]
    issuers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Issuer:
    """The authorization server that the client chose, and its metadata."""

    name: str
    document: Mapping[str, Any]

    @property
    def server(self) -> AuthorizationServer:
        """Its endpoints."""
        found = self.document
        return AuthorizationServer(
            self.name, found["authorization_endpoint"], found["token_endpoint"], found.get("registration_endpoint")
        )

    def listed(self, member: str) -> list[str]:
        """A member that is a list of strings; empty when it is none."""
        value = self.document.get(member)
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

    @property
    def identified(self) -> bool:
        """Whether it promises ``iss`` in its answers."""
        return self.document.get("authorization_response_iss_parameter_supported") is True


async def challenged(session: Session) -> Challenged:
    """What a request without a token gets."""

    async def ask() -> Challenged:
        reply = await Mcp(session.wire, session.url).request("tools/list")
        return Challenged(reply, bearer_challenge(reply.headers.get("www-authenticate")), reply.status == 200)

    return await session.once("challenge", ask)


def resource_forms(url: str) -> dict[str, str]:
    """The well-known URLs of the resource metadata: with the path inserted, and at the root."""
    suffix = "oauth-protected-resource"
    return {"path": well_known(url, suffix), "root": f"{origin_of(url)}/.well-known/{suffix}"}


async def resource(session: Session) -> Resource:
    """The resource metadata: by the challenge, by the path form, by the root. Raises: Unmet (A3-document)."""

    async def find() -> Resource:
        named = ((await challenged(session)).challenge or {}).get("resource_metadata")
        tried = list(dict.fromkeys([*([named] if named else []), *resource_forms(session.url).values()]))
        for url in tried:
            document = (await session.wire.get(url)).json()
            issuers = document.get("authorization_servers")
            if isinstance(document.get("resource"), str) and isinstance(issuers, list) and issuers:
                return Resource(url, document, tuple(str(one) for one in issuers))
        raise Unmet("A3-document", f"no resource metadata with `resource` and an issuer at {', '.join(tried)}")

    return await session.once("resource", find)


def issuer_forms(name: str) -> tuple[str, ...]:
    """The three places of an issuer's metadata, in the order of the MCP specification."""
    forms = (
        well_known(name, "oauth-authorization-server"),
        well_known(name, "openid-configuration"),
        f"{origin_of(name)}{path_of(name)}/.well-known/openid-configuration",
    )
    return tuple(dict.fromkeys(forms))


async def issuer(session: Session) -> Issuer:
    """The issuer that the client takes, with its metadata. Raises: Unmet (A3-document, A4-metadata)."""

    async def find() -> Issuer:
        names = (await resource(session)).issuers
        faults: list[str] = []
        for name in names[:1] if session.profile.first_issuer_only else names:
            for url in issuer_forms(name):
                reply = await session.wire.get(url)
                document = reply.json()
                if reply.status != 200 or not document:
                    faults.append(f"{url}: {reply.says()}")
                elif document.get("issuer") != name:
                    faults.append(f"{url} names the issuer {document.get('issuer')!r}, not {name!r}")
                elif not all(
                    isinstance(document.get(key), str) for key in ("authorization_endpoint", "token_endpoint")
                ):
                    faults.append(f"{url} lacks an endpoint")
                else:
                    return Issuer(name, document)
        raise Unmet("A4-metadata", "no usable metadata: " + "; ".join(faults))

    return await session.once("issuer", find)


async def base_scopes(session: Session) -> tuple[str, ...]:
    """The scopes of the first sign-in: the challenge's, else those of the resource metadata."""
    challenge = (await challenged(session)).challenge or {}
    if challenge.get("scope"):
        return tuple(challenge["scope"].split())
    listed = (await resource(session)).document.get("scopes_supported")
    return tuple(str(scope) for scope in listed) if isinstance(listed, list) else ()


async def asked_scopes(session: Session) -> tuple[str, ...]:
    """What this client asks for: the first scopes, ``offline_access`` and the OIDC scopes where they are listed."""
    listed = (await issuer(session)).listed("scopes_supported")
    more = (_OFFLINE, *(_OIDC if session.profile.oidc else ()))
    return tuple(dict.fromkeys([*await base_scopes(session), *(scope for scope in more if scope in listed)]))

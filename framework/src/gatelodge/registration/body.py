"""A client's registration body, made acceptable to Keycloak (RFC 7591, section 2).

Invariant: only members named here go on; a member nobody knows is dropped, never refused. Keycloak refuses unknown ones,
fetches URLs that some members name, and binds a client that sends ``scope`` to just those scopes although it asks
for more later.
"""

import json
import re
from typing import Any

from gatelodge.registration.config import RegistrationPolicy
from gatelodge.registration.errors import InvalidClientMetadata, InvalidRedirectUri
from gatelodge.registration.redirects import check_redirects

__all__ = ["acceptable", "display_name", "without_markup"]

GRANTS = ("authorization_code", "refresh_token")
# In the order in which one is chosen for a client that offers several. A key-based method would need the client's
# ``jwks_uri``, which Keycloak fetches from wherever it points.
METHODS = ("none", "client_secret_basic", "client_secret_post")
# Keycloak's column holds 255; what the consent page shows must also fit there.
MAX_NAME = 100
# Keycloak's consent page renders some markup of a client's name and reads ${...} in it as a message's key.
_TAG = re.compile(r"<[^<>]*>")
_MARKUP = str.maketrans(dict.fromkeys("<>&${}", " "))


def acceptable(raw: bytes, policy: RegistrationPolicy) -> dict[str, Any]:
    """The body to forward, made of ``raw``. Raises: InvalidClientMetadata, InvalidRedirectUri."""
    sent = _object(raw)
    redirects = sent.get("redirect_uris")
    if redirects is not None and not isinstance(redirects, list):
        raise InvalidRedirectUri("redirect_uris must be an array of strings.")
    check_redirects(redirects or [], policy.allowed_hosts)
    members = {
        "client_name": without_markup(display_name(sent.get("client_name"))),
        "redirect_uris": redirects,
        "grant_types": _narrowed(sent, "grant_types", GRANTS),
        "response_types": _narrowed(sent, "response_types", ("code",)),
        "token_endpoint_auth_method": _method(sent),
    }
    return {name: value for name, value in members.items() if value}


def display_name(value: object) -> str:
    """A client's name as it may be shown or logged: printable, on one line, short; empty when there is none.

    Removes control, direction and other invisible characters, which would let a name pass for another one.
    """
    if not isinstance(value, str):
        return ""
    return "".join(character for character in value if character.isprintable())[:MAX_NAME].strip()


def without_markup(name: str) -> str:
    """A name without tags, and without the characters that a page could take for markup or for a placeholder."""
    return " ".join(_TAG.sub(" ", name).translate(_MARKUP).split())


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidClientMetadata("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise InvalidClientMetadata("The body must be one JSON object.")
    return value


def _narrowed(sent: dict[str, Any], member: str, possible: tuple[str, ...]) -> list[str]:
    """What of a list can be had here, the first entry of ``possible`` being needed; empty when nothing was asked."""
    asked = sent.get(member)
    if asked is None or asked == []:
        return []
    if not isinstance(asked, list) or possible[0] not in asked:
        raise InvalidClientMetadata(f"{member} must be an array with {possible[0]}.")
    return [name for name in possible if name in asked]


def _method(sent: dict[str, Any]) -> str | None:
    """The client's method; else the first we have of those it can do; None when it names none (RFC 7591's default)."""
    asked = sent.get("token_endpoint_auth_method")
    if asked is None:
        return None
    # Sent by clients in transition: the methods a client can do, next to the one it likes best.
    offered = sent.get("token_endpoint_auth_methods_supported")
    for method in METHODS:
        if asked == method:
            return method
    for method in METHODS:
        if isinstance(offered, list) and method in offered:
            return method
    raise InvalidClientMetadata(f"token_endpoint_auth_method must be one of {', '.join(METHODS)}.")

"""Which URLs are client ids (draft-ietf-oauth-client-id-metadata-document, section 3).

Invariant: an id that passes is one plain text with one reading in every parser, so that the string that is compared,
the URL that is fetched and the host that a person sees are the same.
"""

import re

from gatelodge.registration.documents.errors import ClientIdInvalid

__all__ = ["MAX_LENGTH", "checked_url", "host_of", "is_document_url"]

# Keycloak's column for a client's id.
MAX_LENGTH = 255

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# A last label that begins with a letter is no number: 127.1 and 0x7f.1 are addresses to many parsers.
_HOST = rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?"
_CHARACTERS = r"(?:[A-Za-z0-9._~!$&'()+,;=:@/-]|%[0-9A-Fa-f]{2})"
_URL = re.compile(rf"https://(?P<host>{_HOST})(?::443)?(?P<path>/{_CHARACTERS}+)")
# Dots, slashes and controls in disguise: some parsers see through it, some do not.
_DISGUISED = re.compile(r"%(?:2[eEfF]|5[cC]|[01][0-9A-Fa-f]|7[fF])")

_WANTED = (
    "A client_id that is a URL must look like https://host.example/path: https in lower case, a host name in lower-case"
    " ASCII, a path, and no port, user name, query, fragment or dot segment."
)


def is_document_url(client_id: str) -> bool:
    """Whether an id asks to be taken for a document's URL: it begins with ``https://`` in any case."""
    return client_id[:8].lower() == "https://"


def checked_url(client_id: str) -> str:
    """The id itself, when it is a URL that a document may have. Raises: ClientIdInvalid."""
    if len(client_id) > MAX_LENGTH:
        raise ClientIdInvalid(f"A client_id that is a URL must not be longer than {MAX_LENGTH} characters.")
    match = _URL.fullmatch(client_id)
    if match is None or len(match["host"]) > 253 or _DISGUISED.search(match["path"]):
        raise ClientIdInvalid(_WANTED)
    if {".", ".."} & set(match["path"].split("/")):
        raise ClientIdInvalid(_WANTED)
    return client_id


def host_of(url: str) -> str:
    """The host of a URL that ``checked_url`` has passed."""
    return url.removeprefix("https://").partition("/")[0].removesuffix(":443")

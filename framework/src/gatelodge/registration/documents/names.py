"""The name a document gives its client, as it may be shown to a person who decides by it.

Invariant: a name that comes out has no markup, no placeholder of Keycloak's messages, no host name and letters of one
script only; a name that does not is replaced by the document's host, which is shown beside it in any case.
"""

import re
import unicodedata

from gatelodge.registration.body import display_name, without_markup

__all__ = ["safe_name"]

MAX_NAME = 60
_PLAIN_PUNCTUATION = " .,'_+-"
_HOST_LIKE = re.compile(r"[^\s.]\.[^\s.]{2,}")


def safe_name(value: object, host: str) -> str:
    """``value`` when it is a harmless name, without what is not needed in one; else ``host``."""
    composed = without_markup(unicodedata.normalize("NFKC", display_name(value)))
    kept = "".join(character if _is_plain(character) else " " for character in composed)
    name = " ".join(kept.split())[:MAX_NAME].strip()
    if not any(map(str.isalnum, name)) or _HOST_LIKE.search(name) or len(_scripts(name)) > 1:
        return host
    return name


def _is_plain(character: str) -> bool:
    return character in _PLAIN_PUNCTUATION or unicodedata.category(character)[0] in "LMN"


def _scripts(name: str) -> set[str]:
    """Scripts of the letters, told by the first word of their Unicode names."""
    return {unicodedata.name(character, "UNKNOWN").split()[0] for character in name if character.isalpha()}

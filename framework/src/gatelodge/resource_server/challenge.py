"""The ``WWW-Authenticate`` value that starts, or starts again, a client's OAuth (RFC 6750, section 3; RFC 9728, 5.1).

Pure. Without credentials there is no ``error``: clients take one as a reason to throw their token away.
Nothing that a stranger sent belongs in here; what is given is quoted so that it cannot leave its parameter.
"""

import re
from collections.abc import Iterable

__all__ = ["challenge"]

_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]")
_SPECIAL = re.compile(r'(["\\])')


def challenge(
    resource_metadata_url: str, *, scopes: Iterable[str], error: str | None = None, description: str | None = None
) -> str:
    """One Bearer challenge, the same bytes for the same input; scopes are sorted, and all that the operation needs.

    ``error`` is None when no credentials came, and then ``description`` is left out too. An empty ``scope`` is left
    out: RFC 6749 has no empty scope, and clients fail on one.
    """
    parameters = [("resource_metadata", resource_metadata_url)]
    if scope := " ".join(sorted(set(scopes))):
        parameters.append(("scope", scope))
    if error is not None:
        parameters.append(("error", error))
        if description is not None:
            # RFC 6750, section 3: neither quote nor backslash in a description, not even escaped.
            parameters.append(("error_description", description.replace("\\", "/").replace('"', "'")))
    return "Bearer " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in parameters)


def _quoted(value: str) -> str:
    return _SPECIAL.sub(r"\\\1", _NOT_PRINTABLE.sub("", value))

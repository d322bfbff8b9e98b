"""Errors of ``connections`` in the words of a tool: what happened, and what the caller can do about it.

Invariant: nothing of a token or of our configuration is in these words, and a provider's own are marked as a stranger's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil

from gatelodge.connections.api_errors import ApiMoved, ApiRefused
from gatelodge.connections.api_paths import PathRefused, fill
from gatelodge.connections.errors import (
    AccountsNotKept,
    ConnectionMissing,
    NeedsReauth,
    ProviderLimited,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
)
from gatelodge.outbound.client import UpstreamAnswerUnusable
from gatelodge.toolpacks.errors import ArgumentRefused, LinkAgainRequired, LinkRequired, PackFault, ProviderBusy
from gatelodge.toolpacks.text import Texts

__all__ = ["path_of", "translated"]

# By the provider's status: what it means, and what to do.
_MEANINGS = {
    400: ("does not accept these arguments.", "Change them, then call again."),
    401: ("does not accept the linked account.", "Link it again, then call again."),
    403: ("does not allow this for the linked account.", "Ask for access there, or link an account that has it."),
    404: (
        "has nothing there that the linked account may see.",
        "Take the id unchanged from an earlier result, or search for it; it may also be private.",
    ),
    409: ("has something there that contradicts this.", "Read the present state, then call again."),
    410: ("does not have this any more.", "Search for it again."),
    422: ("does not accept these arguments.", "Change them, then call again."),
}
_MOVED = ("has this at another address now.", "Search for it by its new name, then call again; nothing was done.")
_OTHER = ("refused the call.", "Try again later; if it stays, ask the operator.")


@contextmanager
def translated(
    provider: str, title: str, link_url: Callable[[str], str], texts: Texts, *, acts: bool = False, shared: bool = False
) -> Iterator[None]:
    """Raise a tool's errors for those of one API call.

    ``acts``: the call changes something. ``shared``: it takes the service's credential, not the user's.
    """
    try:
        yield
    except (ConnectionMissing, NeedsReauth) as error:
        if shared:
            hint = "Ask the operator to set it, or use your own linked account where the tool offers that."
            raise PackFault(f"This server's own {title} token is missing or has ended.", hint=hint) from error
        kind = LinkAgainRequired if isinstance(error, NeedsReauth) else LinkRequired
        raise kind(provider, title, link_url(provider)) from error
    except AccountsNotKept as error:
        hint = f"Only its operator can change that; {title} cannot be used until then."
        raise PackFault("This server keeps no linked accounts.", hint=hint) from error
    except ProviderLimited as error:
        seconds = None if error.retry_after is None else ceil(error.retry_after)
        hint = f"Wait {seconds} s, then call again." if seconds else "Wait a minute, then call again."
        raise ProviderBusy(f"{title} takes no more calls for now.", hint=hint, retry_after=error.retry_after) from error
    except ProviderUnavailable as error:
        raise PackFault(f"{title} does not answer as it should.", hint=_later(acted=acts and error.sent)) from error
    except ApiRefused as error:
        raise _refused(title, error, texts) from error
    except (ProviderMisconfigured, ProviderRefused) as error:
        raise PackFault(
            f"{title} cannot be used through this server.", hint="Ask its operator; the log says why."
        ) from (error)
    except UpstreamAnswerUnusable as error:
        raise PackFault(
            f"The answer of {title} cannot be used.", hint="Ask for less, with a smaller limit or another search."
        ) from error


def path_of(template: str, /, **values: str | int) -> str:
    """A path of the API (``api_paths.fill``). Raises: ArgumentRefused for a value that does not fit into its place."""
    try:
        return fill(template, **values)
    except PathRefused as error:
        hint = "Take ids from an earlier result, unchanged."
        raise ArgumentRefused("An id holds signs that no id has.", hint=hint) from error


def _refused(title: str, error: ApiRefused, texts: Texts) -> PackFault:
    what, hint = _MOVED if isinstance(error, ApiMoved) else _MEANINGS.get(error.provider_status, _OTHER)
    detail = f"{title} {what}"
    said = texts.line(error.message or error.error)
    if said:
        detail += f" It says: {said}."
    return PackFault(detail, hint=hint, provider_status=error.provider_status)


def _later(*, acted: bool) -> str:
    if acted:
        return "It may have acted on the call: look whether it did before you call again."
    return "Try again in a minute; the account stays linked."

"""What the operator says about one provider: our client there, and addresses that replace the provider's own.

Invariant: addresses come from the operator only, are https unless they are loopback in development, and hold no
credentials, query or fragment.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from gatelodge.core.secret import Secret
from gatelodge.core.urls import is_loopback

__all__ = ["ProviderConfig", "checked_url"]


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """Our client at a provider; None for an address means the provider's own. ``scopes`` empty: its default ones."""

    client_id: str = ""
    client_secret: Secret | None = None
    authorize_url: str | None = None
    token_url: str | None = None
    api_url: str | None = None
    scopes: tuple[str, ...] = ()


def checked_url(url: str, *, development: bool) -> str:
    """An address of a provider, without a slash at its end. Raises: ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("must be an absolute https URL")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must have no user name, query or fragment")
    if parts.scheme != "https" and not (development and is_loopback(parts.hostname)):
        raise ValueError("must be https (http is accepted for loopback in development only)")
    return url.rstrip("/")

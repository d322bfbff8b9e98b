"""Our GitHub and Jira against other people's OAuth servers, which take forms and use the standard's names of errors.

What is tried is their rotation: strict for GitHub, ten minutes of leeway for Jira.
"""

from collections.abc import Mapping
from dataclasses import replace

from oauth_servers import CLIENT_SECRET

from gatelodge.connections.config import ProviderConfig
from gatelodge.connections.provider import Outcomes
from gatelodge.connections.registry import PROVIDERS, Registry
from gatelodge.core.secret import Secret

__all__ = ["registry_of"]

_STANDARD = Outcomes(dead=frozenset({"invalid_grant"}), ours=frozenset({"invalid_client", "unauthorized_client"}))
_KNOWN = {
    name: replace(PROVIDERS[name], client_auth="form", body="form", outcomes=_STANDARD) for name in ("github", "jira")
}


def registry_of(token_urls: Mapping[str, str]) -> Registry:
    """These providers with the given token endpoints."""
    configs = {
        name: ProviderConfig(client_id="form", client_secret=Secret(CLIENT_SECRET), token_url=url)
        for name, url in token_urls.items()
    }
    return Registry(configs, development=True, known=_KNOWN)

"""The providers that the operator configured, with the addresses in force.

A provider that is not configured is as good as unknown: nothing is sent to it and nothing is offered.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gatelodge.connections.config import ProviderConfig, checked_url
from gatelodge.connections.errors import ProviderMisconfigured
from gatelodge.connections.provider import Provider
from gatelodge.connections.providers import coda, github, jira, notion, slack
from gatelodge.core.urls import origin_of, path_of

__all__ = ["PROVIDERS", "Configured", "Registry"]

PROVIDERS: Mapping[str, Provider] = {
    module.PROVIDER.name: module.PROVIDER for module in (github, jira, slack, notion, coda)
}
# RFC 6749, section 3.3, without the separators of lists.
_SCOPE = re.compile(r"[!#-+\--:;-\[\]-~]+")


@dataclass(frozen=True, slots=True)
class Configured:
    """A provider with the operator's addresses in it, and our client there."""

    provider: Provider
    config: ProviderConfig

    def client_secret(self) -> str:
        """The secret itself, for the token request alone. Raises: ProviderMisconfigured."""
        if self.config.client_secret is None:
            raise ProviderMisconfigured(self.provider.name, "no client secret is set")
        return self.config.client_secret.reveal()


class Registry:
    """Configured providers by name; ``known`` may replace or extend the built-in ones."""

    def __init__(
        self,
        configs: Mapping[str, ProviderConfig],
        *,
        development: bool = False,
        known: Mapping[str, Provider] = PROVIDERS,
    ) -> None:
        """Raises: ProviderMisconfigured for a name that is unknown or an address that must not be asked."""
        self._configured = {name: _configure(name, config, development, known) for name, config in configs.items()}

    def configured(self, name: str) -> bool:
        """Whether the operator set this provider up."""
        return name in self._configured

    def names(self) -> tuple[str, ...]:
        """Configured providers, in the order of the configuration."""
        return tuple(self._configured)

    def get(self, name: str) -> Configured:
        """Provider and our client there. Raises: ProviderMisconfigured."""
        found = self._configured.get(name)
        if found is None:
            raise ProviderMisconfigured(name, "this provider is not configured")
        return found


def _configure(name: str, config: ProviderConfig, development: bool, known: Mapping[str, Provider]) -> Configured:
    base = known.get(name)
    if base is None:
        raise ProviderMisconfigured(name, "there is no such provider")
    provider = replace(
        base,
        authorize_url=config.authorize_url or base.authorize_url,
        token_url=config.token_url or base.token_url,
        api_base=config.api_url or base.api_base,
        # Where there are two lists it is the user's own that the operator sets: the app's is of everyone's calls.
        scopes=base.scopes if base.user_scopes else config.scopes or base.scopes,
        user_scopes=config.scopes or base.user_scopes if base.user_scopes else (),
        issuer=_issuer(base, config),
    )
    _check_scopes(base, config.scopes)
    oauth = provider.kind == "oauth"
    if oauth and not (config.client_id and config.client_secret):
        raise ProviderMisconfigured(name, f"client id and secret are needed: {provider.secret_from}")
    try:
        provider = replace(provider, api_base=checked_url(provider.api_base, development=development))
        if oauth:
            for address in (provider.authorize_url, provider.token_url):
                checked_url(address, development=development)
    except ValueError as error:
        raise ProviderMisconfigured(name, f"one of its addresses {error}") from error
    return Configured(provider, config)


def _issuer(base: Provider, config: ProviderConfig) -> str:
    """What ``iss`` has to be (RFC 9207): the provider's documented one, at the operator's host where that is another."""
    authorize_url = config.authorize_url or base.authorize_url
    if not base.issuer or authorize_url == base.authorize_url:
        return base.issuer or (origin_of(authorize_url) if authorize_url else "")
    return origin_of(authorize_url) + path_of(base.issuer)


def _check_scopes(base: Provider, scopes: tuple[str, ...]) -> None:
    if not scopes:
        return
    setting = f"GATELODGE_{base.name.upper()}_SCOPES"
    if not base.scopes:
        raise ProviderMisconfigured(base.name, f"{setting} is set, and {base.title} takes no scopes from a request")
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise ProviderMisconfigured(
                base.name,
                f"{setting} has {scope!r}, which is no name of a scope",
                hint=f"As in: {' '.join(base.user_scopes or base.scopes)}",
            )
    missing = [scope for scope in base.needed_scopes if scope not in scopes]
    if missing:
        raise ProviderMisconfigured(
            base.name,
            f"{setting} lacks {' '.join(missing)}, without which no link lasts",
            hint=f"Add {' '.join(missing)}.",
        )

"""All settings of a server that serves linked accounts: its own and those of each part, read together.

Not here: the settings themselves, which are a class of each part.
"""

from dataclasses import dataclass
from typing import TypeAlias, cast

from pydantic_settings import BaseSettings

from gatelodge.settings.connections import ConnectionSettings
from gatelodge.settings.load import load_each
from gatelodge.settings.proxy import ProxySettings
from gatelodge.settings.server import ServerSettings
from gatelodge.settings.vault import VaultSettings
from gatelodge.settings.web import WebSettings

__all__ = ["ConnectedSettings", "load_connected"]


@dataclass(frozen=True)
class ConnectedSettings:
    """One process's settings, by part."""

    server: ServerSettings
    vault: VaultSettings
    connections: ConnectionSettings
    web: WebSettings
    proxy: ProxySettings

    @property
    def sections(self) -> tuple[BaseSettings, ...]:
        """All parts."""
        return self.server, self.vault, self.connections, self.web, self.proxy


_Further: TypeAlias = tuple[VaultSettings, ConnectionSettings, WebSettings, ProxySettings]
_FURTHER = (VaultSettings, ConnectionSettings, WebSettings, ProxySettings)


def load_connected(server: ServerSettings | None = None) -> ConnectedSettings:
    """The settings of all parts, the server's own as given or read too.

    Raises: SettingsInvalid, one message with every fault of all of them.
    """
    found = load_each(*_FURTHER) if server is not None else load_each(ServerSettings, *_FURTHER)
    own = server or cast("ServerSettings", found[0])
    return ConnectedSettings(own, *cast("_Further", found[-len(_FURTHER) :]))

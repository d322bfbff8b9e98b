"""Where the stack of one checkout keeps its things; nothing else knows a path.

The state folder is private (0700): it holds keys, passwords and a database.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.stack.failures import guarded_disk

__all__ = ["CheckoutMissing", "Layout", "cache_folder", "find_checkout", "layout_here"]

_PINS = Path("infra", "versions.toml")


class CheckoutMissing(GatelodgeError):
    """The command was run outside a checkout."""

    code = Code.SETTINGS_INVALID


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of a checkout and of its state folder."""

    checkout: Path
    state: Path

    @property
    def infra(self) -> Path:
        """Pins, routes and realm files."""
        return self.checkout / "infra"

    @property
    def logs(self) -> Path:
        """One log file per part."""
        return self.state / "logs"

    @property
    def tls(self) -> Path:
        """The local CA and the certificate of localhost."""
        return self.state / "tls"

    @property
    def ca_file(self) -> Path:
        """The certificate that clients must trust."""
        return self.tls / "ca.pem"

    @property
    def desk_trust(self) -> Path:
        """The authorities that the desk trusts for client documents, besides the public ones."""
        return self.tls / "desk-ca.pem"

    @property
    def keycloak(self) -> Path:
        """Keycloak's home of this checkout: database and scratch; programs are links into the cache."""
        return self.state / "keycloak"

    @property
    def secrets(self) -> Path:
        """Generated passwords, one file each, mode 0600."""
        return self.state / "secrets"

    @property
    def realm_files(self) -> Path:
        """The realm's files with those of further servers among them."""
        return self.state / "realm"

    @property
    def routes(self) -> Path:
        """Traefik's dynamic configuration: the shared file and the routes of further servers."""
        return self.state / "traefik" / "dynamic"

    @property
    def prometheus(self) -> Path:
        """Prometheus's configuration and the figures it keeps."""
        return self.state / "prometheus"

    @property
    def record(self) -> Path:
        """What runs, for ``status`` and ``down``."""
        return self.state / "state.json"

    @property
    def internal(self) -> Path:
        """Internal addresses and the administrator, for tests and operators; mode 0600."""
        return self.state / "internal.json"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor as long as it lives."""
        return self.state / "supervisor.lock"

    def log(self, part: str) -> Path:
        """The log file of a part."""
        return self.logs / f"{part}.log"

    def create(self) -> None:
        """Make the folders. Raises: DiskRefused."""
        with guarded_disk(self.state, "the state folder"):
            self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.state.chmod(0o700)
            inside = (self.routes.parent, self.routes, self.prometheus, self.prometheus / "targets")
            for folder in (self.logs, self.tls, self.keycloak, self.secrets, *inside):
                folder.mkdir(exist_ok=True, mode=0o700)


def find_checkout(start: Path) -> Path:
    """The checkout that ``start`` is in, else the one this package is installed from. Raises: CheckoutMissing."""
    for folder in (start, *start.parents, *Path(__file__).resolve().parents):
        if (folder / _PINS).is_file():
            return folder
    raise CheckoutMissing(f"{start} is in no gatelodge checkout: {_PINS} not found", hint="Run it inside a checkout.")


def layout_here(state: Path | None) -> Layout:
    """The stack of the checkout that the caller stands in; ``state`` is another state folder. Raises: CheckoutMissing."""
    checkout = find_checkout(Path.cwd())
    return Layout(checkout=checkout, state=(state or checkout / ".gatelodge").absolute())


def cache_folder(environment: Mapping[str, str] | None = None) -> Path:
    """The user's cache folder for downloads, shared by all checkouts (XDG base directory specification)."""
    values = os.environ if environment is None else environment
    base = values.get("XDG_CACHE_HOME", "")
    # The specification says to ignore a relative path.
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "gatelodge"

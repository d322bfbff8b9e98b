"""Which operations a server has, from its settings and its routes."""

import importlib.metadata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from starlette.routing import BaseRoute

from gatelodge.app.api_docs.document import author_operations, document, routed
from gatelodge.app.api_docs.operation import Operation
from gatelodge.app.api_docs.server import description, health, mcp, metadata
from gatelodge.app.routes import issuer_paths
from gatelodge.core.urls import origin_of, path_of
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.metadata import metadata_paths

__all__ = ["ServerDescription", "made"]


@dataclass(frozen=True, slots=True)
class ServerDescription:
    """What the description of one server is made of; ``accounts``: it has connected accounts."""

    public_url: str
    issuer: str | None
    resource_paths: tuple[str, ...]
    issuer_paths: tuple[str, ...]
    accounts: bool

    @classmethod
    def of(cls, config: ResourceServerConfig, *, accounts: bool) -> Self:
        """The description of a server of this section."""
        issuer = config.issuer if config.sign_in else None
        paths = metadata_paths(config), issuer_paths(path_of(config.public_url))
        return cls(config.public_url, issuer, *paths, accounts)

    def operations(self) -> list[Operation]:
        """Every operation that such a server can have."""
        endpoint = path_of(self.public_url)
        base = endpoint.removesuffix("/mcp")
        found = [
            mcp(endpoint),
            *metadata(self.resource_paths, self.issuer_paths, resource=self.public_url, issuer=self.issuer),
            *health((base, "")),
            *description(base),
        ]
        if self.accounts:
            # Imported here: a server without packs loads no connections.
            from gatelodge.app.api_docs.accounts import accounts  # noqa: PLC0415
            from gatelodge.app.api_docs.proxied import proxied  # noqa: PLC0415

            found += [*accounts(base), *proxied(base)]
        return found

    def document(
        self, name: str, routes: Iterable[BaseRoute], author: Iterable[tuple[str, str]] = ()
    ) -> dict[str, Any]:
        """The document of the operations that ``routes`` serve, and of the author's."""
        # The endpoint is in front of all routes.
        served = routed(routes) | {("POST", path_of(self.public_url))}
        return made(name, self.public_url, self.operations(), served, author)


def made(
    name: str,
    url: str,
    operations: Iterable[Operation],
    served: set[tuple[str, str]],
    author: Iterable[tuple[str, str]] = (),
) -> dict[str, Any]:
    """The document of those operations that are served."""
    found = [operation for operation in operations if (operation.method, operation.path) in served]
    found += author_operations(sorted(author))
    return document(
        name,
        importlib.metadata.version("gatelodge"),
        origin_of(url),
        found,
        text="Every HTTP endpoint of this process. Errors are problem details (RFC 9457) with a code of a closed set.",
    )

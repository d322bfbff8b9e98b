"""Tools of a pack called as a server calls them: arguments checked by their schema, a real vault and upstream below."""

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, TypeAdapter, create_model
from vaults import TENANT, Vault

from gatelodge.connections.config import ProviderConfig
from gatelodge.connections.provider import Provider
from gatelodge.connections.registry import PROVIDERS, Registry
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.connections.tokens import AccessTokens
from gatelodge.connections.upstream import Upstream
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Outbound
from gatelodge.storage.database import Database
from gatelodge.toolpacks.pack import Pack, PackContext, PackTool
from gatelodge.vault.owner import Owner, service

__all__ = ["Calls", "arguments_of", "calling", "output_schema"]

LINK = "https://srv.example/accounts?link="


def arguments_of(function: Callable[..., object]) -> type[BaseModel]:
    """The model of a tool's arguments: all parameters but the bound one."""
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "api"]
    fields: dict[str, Any] = {
        p.name: (p.annotation, ... if p.default is inspect.Parameter.empty else p.default) for p in parameters
    }
    return create_model(function.__name__, __config__={"extra": "forbid"}, **fields)


def output_schema(tool: PackTool) -> dict[str, Any]:
    """The schema of a tool's result."""
    result = inspect.signature(tool.function).return_annotation
    return TypeAdapter(result).json_schema(mode="serialization")


@dataclass
class Calls:
    """Calls of packs' tools for one user; ``context`` is the last call's."""

    upstream: Upstream
    vault: Vault
    user: str = "alice"
    database: Database | None = None
    context: PackContext | None = field(default=None)

    def owner(self, provider: str) -> Owner:
        """The user's account at a provider."""
        return Owner(TENANT, self.user, provider)

    async def link(self, provider: str, secrets: Mapping[str, str], **more: Any) -> None:
        """Keep a credential of the user, as linking does."""
        kept = {name: Secret(value) for name, value in secrets.items()}
        await self.vault.store.put(self.owner(provider), kept, actor="test", **more)

    async def set_service(self, provider: str, token: str) -> None:
        """Keep the service's own credential."""
        await self.vault.store.put(service(provider), {"api_token": Secret(token)}, actor="test")

    def bound(self, pack: Pack) -> PackContext:
        """What a call of a pack's tool is given."""
        owner = self.owner(pack.provider)
        return PackContext.of(pack, self.upstream, owner, lambda name: LINK + name, database=self.database)

    async def call(self, pack: Pack, name: str, **arguments: Any) -> Any:
        """The result as a client gets it; raises what the tool raises, ValidationError for arguments that do not fit."""
        tool = next(tool for tool in pack.tools if tool.name == name)
        checked = arguments_of(tool.function)(**arguments)
        given = {name: getattr(checked, name) for name in type(checked).model_fields}
        self.context = self.bound(pack)
        inherent = inspect.signature(tool.function).parameters
        positional = [given.pop(n) for n, p in inherent.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
        result = await tool.function(self.context, *positional, **given)
        assert isinstance(result, BaseModel)
        return result.model_dump(mode="json")


@asynccontextmanager
async def calling(
    vault: Vault,
    outbound: Outbound,
    configs: Mapping[str, ProviderConfig],
    known: Mapping[str, Provider] = PROVIDERS,
) -> AsyncIterator[Calls]:
    """Calls through a real upstream, to wherever the configuration and the client lead."""
    registry = Registry(configs, development=True, known=known)
    endpoints = {
        name: TokenEndpoint(outbound, registry.get(name))
        for name in registry.names()
        if registry.get(name).provider.kind == "oauth"
    }
    tokens = AccessTokens(vault.store, registry, endpoints, vault.trail, vault.clock)
    try:
        yield Calls(Upstream(outbound, tokens, registry, vault.clock), vault, database=vault.db)
    finally:
        await tokens.aclose()
        await outbound.aclose()

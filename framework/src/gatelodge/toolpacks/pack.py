"""The form of a tool pack: functions with what has to be said about them, and what a call of one is given.

A tool is ``async def name(api: PackContext, /, argument: Annotated[T, Field(...)], ...) -> PackResult``: the first
parameter is bound by who serves it, all others and the result make its schemas, the docstring is its description.
Invariant: names, titles and descriptions are constants of the code; no tenant's data is in them.

Not here: FastMCP, scopes, and how a tool is listed (``app``).
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from pydantic import BaseModel, Field

from gatelodge.connections.api_call import ApiAnswer, Query
from gatelodge.connections.upstream import Credential
from gatelodge.storage.database import Database
from gatelodge.toolpacks.refusals import translated
from gatelodge.toolpacks.text import Notice, Texts
from gatelodge.vault.owner import Owner

__all__ = ["Api", "Pack", "PackContext", "PackPrompt", "PackResult", "PackTool"]


class Api(Protocol):
    """The way to providers' APIs, as ``connections.upstream.Upstream`` is one."""

    async def send(
        self,
        owner: Owner,
        provider: str,
        method: str,
        path: str,
        *,
        purpose: str,
        query: Query | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        credential: Credential = "user",
        reads: bool | None = None,
        site: str | None = None,
        keep: float = 0.0,
        fresh: bool = False,
    ) -> ApiAnswer:
        """One call with the owner's token; a refusal is raised."""
        ...

    async def details(self, owner: Owner, provider: str, *, purpose: str) -> Mapping[str, str]:
        """What the owner's link says besides its tokens."""
        ...


@dataclass(frozen=True, slots=True)
class PackContext:
    """What one call is given: whose account, the way to its API, and this call's marks for strangers' text.

    ``database`` is for packs that keep something of their own; None where the server has no storage.
    """

    upstream: Api
    owner: Owner
    link_url: Callable[[str], str]
    title: str
    texts: Texts
    database: Database | None = None

    @classmethod
    def of(
        cls, pack: "Pack", upstream: Api, owner: Owner, link_url: Callable[[str], str], **more: Any
    ) -> "PackContext":
        """The context of one call of a pack's tool."""
        return cls(upstream, owner, link_url, pack.title, Texts(pack.title), **more)

    async def call(
        self,
        tool: str,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        credential: Credential = "user",
        reads: bool | None = None,
        site: str | None = None,
        keep: float = 0.0,
        fresh: bool = False,
    ) -> Any:
        """The JSON of one API call for a tool; ``path`` is made by ``path_of``, the rest is as in ``Api``. None: no body.

        Raises: LinkRequired, LinkAgainRequired, ProviderBusy, PackFault: each says what to do.
        """
        acts = not (method in {"GET", "HEAD"} if reads is None else reads)
        shared = credential == "service"
        with translated(self.owner.provider, self.title, self.link_url, self.texts, acts=acts, shared=shared):
            answer = await self.upstream.send(
                self.owner,
                self.owner.provider,
                method,
                path,
                purpose=f"tool:{tool}",
                query=query,
                json=json,
                form=form,
                headers=headers,
                credential=credential,
                reads=reads,
                site=site,
                keep=keep,
                fresh=fresh,
            )
            return answer.json()

    async def details(self, tool: str) -> Mapping[str, str]:
        """What the link says besides its tokens; nothing is asked of the provider. Raises: as ``call``."""
        with translated(self.owner.provider, self.title, self.link_url, self.texts):
            return await self.upstream.details(self.owner, self.owner.provider, purpose=f"tool:{tool}")

    def at(self, provider: str, title: str) -> "PackContext":
        """The same user's account at another provider, in the same call."""
        return replace(self, owner=replace(self.owner, provider=provider), title=title)


class PackResult(BaseModel):
    """Base of every tool's result: says how text of strangers is marked in it."""

    notice: Notice = Field(description="How text that strangers wrote is marked in this result")


@dataclass(frozen=True, slots=True)
class PackTool:
    """A function and what a client is told about it; ``asks`` and ``calls`` are for the reference of commands.

    ``asks`` are users' words for it ("create Jira issue"), ``calls`` the API calls it makes ("POST /issue").
    """

    function: Callable[..., Awaitable[BaseModel]]
    access: Literal["read", "write"]
    title: str
    asks: tuple[str, ...]
    calls: tuple[str, ...]
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = True

    @property
    def name(self) -> str:
        """The tool's name: the function's."""
        return self.function.__name__

    @property
    def description(self) -> str:
        """The tool's description: the function's docstring."""
        return inspect.getdoc(self.function) or ""

    @property
    def hints(self) -> dict[str, bool]:
        """MCP's tool annotations."""
        return {
            "readOnlyHint": self.access == "read",
            "destructiveHint": self.destructive,
            "idempotentHint": self.access == "read" or self.idempotent,
            "openWorldHint": self.open_world,
        }


@dataclass(frozen=True, slots=True)
class PackPrompt:
    """A prompt: a plain function of strings that gives the text; its docstring is the description."""

    function: Callable[..., str]
    title: str

    @property
    def name(self) -> str:
        """The prompt's name: the function's."""
        return self.function.__name__

    @property
    def description(self) -> str:
        """The prompt's description: the function's docstring."""
        return inspect.getdoc(self.function) or ""


@dataclass(frozen=True, slots=True)
class Pack:
    """The tools of one provider, and of those ``beside`` it, without which it is not served.

    ``instructions`` go into the server's own, where the pack is served.
    """

    name: str
    title: str
    provider: str
    tools: tuple[PackTool, ...]
    prompts: tuple[PackPrompt, ...] = field(default=())
    instructions: str = ""
    beside: tuple[str, ...] = ()

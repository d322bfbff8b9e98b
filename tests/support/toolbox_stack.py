"""A native stack with the toolbox server, and what a test needs of it."""

from dataclasses import dataclass, replace

from models import Models
from native_stack import Stack

from gatelodge.ops.link.obtain import obtain_tokens

__all__ = ["Toolbox"]


@dataclass
class Toolbox:
    """The stack and the stand-in. The first user may make images; so may the GitHub account ``octocat``."""

    stack: Stack
    models: Models

    @property
    def url(self) -> str:
        """What a client of the server types."""
        return str(self.stack.status["servers"]["toolbox"])

    async def token(self, user: int, *parts: str) -> str:
        """A token of that user, by a client that is removed at once."""
        scopes = [f"toolbox:{part}" for part in parts]
        linked = await obtain_tokens(replace(self.stack.target(*scopes, user=user), mcp_url=self.url))
        self.stack.admin.delete_client(linked.client.client_id)
        return linked.tokens.access_token

"""A native stack with workspace servers, and what a test needs of it."""

from dataclasses import dataclass, replace
from pathlib import Path

from github_front import GitHubFront
from native_stack import CHECKOUT, Stack, gatelodge, read_stack
from provider_front import ProviderFront
from slack_front import SlackFront

from gatelodge.ops.link.obtain import obtain_tokens

__all__ = ["Workspace", "second_server"]


@dataclass
class Workspace:
    """The stack, the command that started it, and the providers that it knows."""

    stack: Stack
    github: GitHubFront
    others: ProviderFront
    slack: SlackFront
    command: tuple[str, ...]
    environment: dict[str, str]

    def url(self, name: str = "workspace") -> str:
        """What a client of the server types."""
        return str(self.stack.status["servers"][name])

    def pages(self, name: str = "workspace") -> str:
        """The server's pages of connected accounts."""
        return f"{self.stack.public_base}/{name}/accounts"

    async def token(self, user: int, *scopes: str, name: str = "workspace") -> str:
        """A token of that user for the server, by a client that is removed at once."""
        return await self.token_of(user, *(f"{name}:{scope}" for scope in scopes), name=name)

    async def token_of(self, user: int, *scopes: str, name: str = "workspace") -> str:
        """The same with scopes by their whole names."""
        linked = await obtain_tokens(replace(self.stack.target(*scopes, user=user), mcp_url=self.url(name)))
        self.stack.admin.delete_client(linked.client.client_id)
        return linked.tokens.access_token

    def restart(self) -> None:
        """Stop and start everything; the state folder stays."""
        self.stack.admin.close()
        assert gatelodge("down", state=self.stack.state).returncode == 0
        self.stack = self._up()

    def _up(self) -> Stack:
        started = gatelodge(*self.command, state=self.stack.state, timeout=300, **self.environment)
        assert started.returncode == 0, f"{started.stdout}\n{started.stderr}"
        return read_stack(self.stack.state, self.stack.port)


def second_server(folder: Path) -> Path:
    """The same server under another name, in a folder of its own."""
    original = CHECKOUT / "servers" / "workspace-mcp"
    folder.mkdir()
    described = (original / "gatelodge.yaml").read_text()
    (folder / "gatelodge.yaml").write_text(
        described.replace("name: workspace", "name: second").replace("/workspace/mcp", "/second/mcp")
    )
    (folder / "src").symlink_to(original / "src")
    return folder

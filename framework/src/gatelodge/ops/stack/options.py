"""What a person may choose for ``gatelodge up``, and the public URLs that follow from it."""

from dataclasses import dataclass

from gatelodge.core.urls import well_known
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.servers import ServerFolder

__all__ = ["DEFAULT_PORT", "REALM", "SERVER", "StackOptions"]

DEFAULT_PORT = 8443
REALM = "mcp"
# Begins the name of a further server among the URLs.
SERVER = "server:"


@dataclass(frozen=True, slots=True)
class StackOptions:
    """Options of one stack. Internal ports left ``None`` are chosen by the kernel. ``link``: check by linking once.

    ``public_url``: the origin that a tunnel to Traefik gives this stack, such as ``https://mcp.example.com``.
    ``servers``: further ones beside ``application``, each from its folder. ``prometheus``: where its program is at hand.
    """

    layout: Layout
    port: int = DEFAULT_PORT
    bind: str = "127.0.0.1"
    keycloak_port: int | None = None
    desk_port: int | None = None
    server_port: int | None = None
    application: str = "sample:app"
    link: bool = True
    public_url: str | None = None
    servers: tuple[ServerFolder, ...] = ()
    prometheus: bool = True

    @property
    def local_base(self) -> str:
        """Traefik's own origin on this machine; ``localhost`` is the only name that resolves everywhere."""
        return "https://localhost" if self.port == 443 else f"https://localhost:{self.port}"

    @property
    def public_base(self) -> str:
        """The one origin of everything: issuer, resource and audience are made from it."""
        return self.public_url or self.local_base

    @property
    def mcp_url(self) -> str:
        """The URL a client types: resource and audience."""
        return f"{self.public_base}/mcp"

    @property
    def issuer(self) -> str:
        """The issuer, byte by byte as Keycloak names itself."""
        return f"{self.public_base}/realms/{REALM}"

    @property
    def urls(self) -> dict[str, str]:
        """The public URLs, by the names that ``status --json`` uses."""
        return {
            "mcp_url": self.mcp_url,
            "issuer": self.issuer,
            "resource_metadata_url": well_known(self.mcp_url, "oauth-protected-resource"),
            "authorization_server_metadata_url": well_known(self.issuer, "oauth-authorization-server"),
            **{f"{SERVER}{server.name}": self.url_of(server) for server in self.servers},
        }

    @property
    def observed(self) -> tuple[str, ...]:
        """The parts that serve figures of ours, by name."""
        return ("desk", "server", *(server.part for server in self.servers))

    def url_of(self, server: ServerFolder) -> str:
        """The MCP URL of a further server."""
        return f"{self.public_base}{server.realm.path}"

    def arguments(self) -> list[str]:
        """These options as arguments of ``gatelodge up``, for the detached supervisor."""
        arguments = ["--state-dir", str(self.layout.state), "--port", str(self.port), "--bind", self.bind]
        arguments += ["--app", self.application]
        for name in ("keycloak_port", "desk_port", "server_port", "public_url"):
            value = getattr(self, name)
            if value is not None:
                arguments += [f"--{name.replace('_', '-')}", str(value)]
        for server in self.servers:
            arguments += ["--server", str(server.folder)]
        if not self.prometheus:
            arguments.append("--no-prometheus")
        return arguments if self.link else [*arguments, "--no-link"]

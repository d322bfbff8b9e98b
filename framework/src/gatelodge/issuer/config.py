"""Which authorization server to read, and how long what was read may be kept."""

from dataclasses import dataclass

__all__ = ["IssuerConfig"]


@dataclass(frozen=True, slots=True)
class IssuerConfig:
    """One issuer. ``issuer`` is its public URL, exact to the byte, e.g. ``https://localhost:8443/realms/mcp``.

    ``internal_url`` is the same realm reached directly, past the proxy; ``scopes`` are the servers' scopes that clients
    may ask for. ``keys_url`` is where the keys are when no metadata says it. All times are in seconds.
    """

    issuer: str
    internal_url: str | None = None
    scopes: tuple[str, ...] = ()
    keys_url: str | None = None
    metadata_ttl: float = 300.0
    keys_ttl: float = 300.0
    # Half a minute: unknown key ids cost two fetches a minute, and a new key waits no longer than this for its fetch.
    keys_cooldown: float = 30.0
    # Six hours of outage and one life of the keys: an outage may begin that long after the last fetch.
    keys_stale_limit: float = 6 * 3600 + 300.0

    @property
    def base_url(self) -> str:
        """Where requests go: the internal URL when there is one, else the public one."""
        return self.internal_url or self.issuer

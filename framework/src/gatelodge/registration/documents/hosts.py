"""Whose documents are trusted, and which other hosts belong to the same owner.

Invariant: hosts are compared exactly; a subdomain is another host.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["DEFAULT_DOCUMENT_HOSTS", "DocumentHosts"]

DEFAULT_DOCUMENT_HOSTS = frozenset({"chatgpt.com", "claude.ai", "vscode.dev"})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

# A document's host to the hosts that its owner redirects to as well.
_FURTHER = {"claude.ai": frozenset({"claude.com"}), "vscode.dev": frozenset({"insiders.vscode.dev"})}


@dataclass(frozen=True, slots=True)
class DocumentHosts:
    """``allowed``: hosts whose documents are taken without asking; ``further``: host to its owner's other hosts."""

    allowed: frozenset[str] = DEFAULT_DOCUMENT_HOSTS
    further: Mapping[str, frozenset[str]] = field(default_factory=lambda: dict(_FURTHER))

    def trusts(self, host: str) -> bool:
        """Whether documents of ``host`` are taken without asking a person."""
        return host in self.allowed

    def of_owner(self, host: str) -> frozenset[str]:
        """``host`` and the other hosts of its owner: where its documents may point to."""
        return self.further.get(host, frozenset()) | {host}

    def redirects(self, host: str) -> frozenset[str]:
        """Hosts that a document on ``host`` may name in redirect URIs: its owner's, and the user's own computer."""
        return self.of_owner(host) | LOOPBACK

"""What a tool says when it cannot do what was asked: always with what to do next.

Invariant: ``shown`` is made of our own words and of arguments' names; a provider's own message is in it only cleaned and
cut (``text.Texts.quoted``). Not here: how a client is asked to open ``LinkRequired.url`` (``app``).
"""

from gatelodge.connections.errors import ConnectionMissing
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["ArgumentRefused", "LinkAgainRequired", "LinkRequired", "PackFault", "ProviderBusy"]


class PackFault(GatelodgeError):
    """A call that did not succeed; ``shown`` is for the signed-in caller, ``provider_status`` the provider's own."""

    code = Code.PROVIDER_REFUSED
    hint_is_public = True

    def __init__(self, detail: str, *, hint: str | None = None, provider_status: int | None = None) -> None:
        super().__init__(detail, hint=hint)
        self.provider_status = provider_status

    @property
    def shown(self) -> str:
        """What happened and what to do, for the caller."""
        return f"{self.detail} {self.hint}"


class ArgumentRefused(PackFault):
    """An argument passed its schema but cannot be meant; nothing was asked of the provider."""

    code = Code.ARGUMENT_REFUSED


class ProviderBusy(PackFault):
    """The provider's rate limit is reached; ``retry_after`` are the seconds it asks to wait, where it says so."""

    code = Code.PROVIDER_LIMITED

    def __init__(self, detail: str, *, hint: str, retry_after: float | None = None) -> None:
        super().__init__(detail, hint=hint, provider_status=429)
        self.retry_after = retry_after


class LinkRequired(ConnectionMissing):
    """The tool needs an account that is not linked; ``url`` is where this user links it."""

    hint_is_public = True

    def __init__(self, provider: str, title: str, url: str) -> None:
        super().__init__(provider, f"no {title} account is linked", hint=f"Open {url} and link it, then call again.")
        self.title = title
        self.url = url

    @property
    def shown(self) -> str:
        """What happened and what to do, for the caller."""
        return f"Your {self.title} account is not linked. {self.hint}"


class LinkAgainRequired(LinkRequired):
    """The link is dead: only a new consent at ``url`` helps."""

    code = Code.CONNECTION_NEEDS_REAUTH

    @property
    def shown(self) -> str:
        """What happened and what to do, for the caller."""
        return f"The link to your {self.title} account has ended. {self.hint}"

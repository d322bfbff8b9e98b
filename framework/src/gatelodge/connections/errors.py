"""What can be wrong with a linked account, told apart by who has to act: the user, the operator, or nobody but time.

Invariant: no detail holds a token, a code or a client secret, for what a provider says is quoted by its error name only.
"""

from typing import Self

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = [
    "AccountsNotKept",
    "CodeRefused",
    "ConnectionFault",
    "ConnectionMissing",
    "GrantDead",
    "NeedsReauth",
    "ProviderLimited",
    "ProviderMisconfigured",
    "ProviderRefused",
    "ProviderUnavailable",
]


class ConnectionFault(GatelodgeError):
    """Base of this package's errors; ``provider`` is the provider's name."""

    code = Code.PROVIDER_REFUSED

    def __init__(self, provider: str, detail: str, *, hint: str | None = None) -> None:
        super().__init__(f"{provider}: {detail}", hint=hint)
        self.provider = provider


class ConnectionMissing(ConnectionFault):
    """The user has not linked an account of this provider."""

    code = Code.CONNECTION_MISSING


class AccountsNotKept(ConnectionFault):
    """Nobody can link an account here: the store is the environment, which takes none."""

    code = Code.STORE_READ_ONLY

    def __init__(self, provider: str) -> None:
        hint = "Set GATELODGE_TOKEN_STORE to sqlite or postgres and restart, or take this provider out."
        super().__init__(provider, "GATELODGE_TOKEN_STORE=env keeps no users' accounts", hint=hint)


class NeedsReauth(ConnectionFault):
    """The link is dead and only a new consent helps; ``reason`` is one of ``tokens.REASONS``."""

    code = Code.CONNECTION_NEEDS_REAUTH

    def __init__(self, provider: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(provider, f"the account has to be linked again: {reason}", hint=hint)
        self.reason = reason


class ProviderUnavailable(ConnectionFault):
    """No usable answer; the link stays.

    ``sent`` says whether the provider may have acted on the request, ``retry_after`` how many seconds it asks to wait.
    """

    code = Code.PROVIDER_UNAVAILABLE

    def __init__(self, provider: str, detail: str, *, sent: bool, retry_after: float | None = None) -> None:
        super().__init__(provider, detail)
        self.sent = sent
        self.retry_after = retry_after

    def before(self) -> Self:
        """The same, as a call is told it that did not go out, because its token could not be renewed."""
        again = type(self).__new__(type(self), *self.args)
        again.__dict__.update(self.__dict__, sent=False)
        return again


class ProviderLimited(ProviderUnavailable):
    """The provider's rate limit is reached; the link stays."""

    code = Code.PROVIDER_LIMITED


class ProviderMisconfigured(ConnectionFault):
    """The provider does not accept our client; no user can do anything about it."""

    code = Code.PROVIDER_MISCONFIGURED


class ProviderRefused(ConnectionFault):
    """The provider refused an access token or a request with it."""

    code = Code.PROVIDER_REFUSED


class CodeRefused(ProviderRefused):
    """The authorization code is used, expired or not ours: the flow starts again."""


class GrantDead(ConnectionFault):
    """The provider does not know the refresh token any more; ``error`` is its name for that."""

    code = Code.CONNECTION_NEEDS_REAUTH

    def __init__(self, provider: str, error: str) -> None:
        super().__init__(provider, f"the refresh token is refused with {error}")
        self.error = error

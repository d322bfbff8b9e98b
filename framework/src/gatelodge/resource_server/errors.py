"""The refusal of a token: one constant answer for strangers, one reason for operators.

The reasons are a closed set and their texts repeat nothing of the token, so they may be logged.
"""

from enum import Enum

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["Reason", "TokenRejected"]


class Reason(Enum):
    """Stable slugs for logs and metrics; never shown to the caller."""

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    HEADER = "header"
    ALGORITHM = "algorithm"
    TYPE = "type"
    KEY_UNKNOWN = "key_unknown"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    LIFETIME = "lifetime"
    SUBJECT = "subject"
    BOUND = "bound"
    CLAIM = "claim"
    HOP = "hop"


class TokenRejected(GatelodgeError):
    """The token is not valid here; ``reason`` says why, ``public`` does not."""

    code = Code.TOKEN_REJECTED

    def __init__(self, reason: Reason, detail: str, *, hint: str | None = None) -> None:
        super().__init__(f"{reason.value}: {detail}", hint=hint)
        self.reason = reason

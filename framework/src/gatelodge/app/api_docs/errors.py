"""Problem details (RFC 9457) as a schema, and one example for each code."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gatelodge.core.codes import Code
from gatelodge.core.problem import problem

__all__ = ["Problem", "example"]

_REQUEST_ID = "0af7651916cd43dd8448eb211c80319c"
# What stands in `error` where a protocol has a word for it (RFC 6750, RFC 7591).
_NAMES = {
    Code.TOKEN_MISSING: "unauthorized",
    Code.TOKEN_REJECTED: "invalid_token",
    Code.CREDENTIALS_MALFORMED: "invalid_request",
    Code.SCOPE_MISSING: "insufficient_scope",
    Code.ORIGIN_REFUSED: "forbidden",
    Code.HOST_REFUSED: "forbidden",
    Code.KEYS_UNAVAILABLE: "temporarily_unavailable",
    Code.ISSUER_UNAVAILABLE: "temporarily_unavailable",
    Code.ISSUER_MISMATCH: "temporarily_unavailable",
    Code.REGISTRATION_REDIRECT: "invalid_redirect_uri",
    Code.REGISTRATION_METADATA: "invalid_client_metadata",
}


class Problem(BaseModel):
    """What every error looks like. Further members are told with the operation."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Where the code is explained: a path in the project's documentation")
    title: str = Field(description="The code's text")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What was wrong this time where that can be said, else the likely cause")
    code: str = Field(json_schema_extra={"enum": [code.value for code in Code]})
    hint: str = Field(description="The next step")
    request_id: str | None = Field(default=None, description="As in X-Request-Id and in the server's log")
    error: str | None = Field(default=None, description="The name that OAuth or this server gives it")
    error_description: str | None = None


def example(code: Code, status: int | None = None) -> dict[str, Any]:
    """A body with this code."""
    told = {"error": _NAMES.get(code, code.value), "error_description": code.meaning.text}
    return problem(code, _REQUEST_ID, status=status, **told)

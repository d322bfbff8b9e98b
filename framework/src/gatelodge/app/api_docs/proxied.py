"""Operations of the proxy, and of the endpoint that gives services an access token."""

from gatelodge.app.api_docs.operation import PROVIDER, Answer, Body, Operation, Parameter
from gatelodge.app.api_docs.server import guarded
from gatelodge.core.codes import Code
from gatelodge.proxy.models import ProxyAnswer, ProxyRequest, ServiceToken

__all__ = ["proxied"]

_CALLER = (
    Code.TOKEN_MISSING,
    Code.TOKEN_REJECTED,
    Code.CREDENTIALS_MALFORMED,
    Code.SCOPE_MISSING,
    Code.LIMIT_REACHED,
    Code.KEYS_UNAVAILABLE,
)
_ACCOUNT = (
    Code.CONNECTION_MISSING,
    Code.CONNECTION_NEEDS_REAUTH,
    Code.PROVIDER_UNAVAILABLE,
    Code.PROVIDER_MISCONFIGURED,
    Code.PROVIDER_REFUSED,
    Code.PROVIDER_LIMITED,
    Code.STORAGE_UNAVAILABLE,
    Code.STORAGE_FAULT,
    Code.STORAGE_CONFLICT,
    Code.STORE_READ_ONLY,
    Code.VAULT_UNREADABLE,
)


def proxied(base: str) -> list[Operation]:
    """The operations below a server's base path."""
    answer = {
        "provider": "github",
        "status": 200,
        "kept": False,
        "headers": {"x-ratelimit-remaining": "4999"},
        "body": {"login": "octocat", "id": 583231},
    }
    token = {
        "access_token": "an-access-token",
        "token_type": "Bearer",
        "expires_at": 1795299600.0,
        "scopes": ["repo"],
        "account_id": "583231",
        "extra": {},
    }
    subject = {"type": "string", "minLength": 1, "maxLength": 255}
    return [
        Operation(
            "POST",
            f"{base}/api/{{provider}}/proxy",
            "proxy",
            "One call of a provider's API with the caller's linked account",
            "proxy",
            (Answer(200, "The provider's answer in an envelope", ProxyAnswer, answer),),
            guarded(
                *_CALLER,
                *_ACCOUNT,
                Code.BODY_MALFORMED,
                Code.BODY_TOO_LARGE,
                Code.PROXY_REFUSED,
                Code.NOT_FOUND,
                Code.UPSTREAM_ANSWER_UNUSABLE,
            ),
            "Needs the scope `<server>:read` for a call that changes nothing, else `<server>:write`. What no rule names is "
            "refused. A problem also has `provider` with what the provider said, and `link_url` where an account has to be "
            "linked.",
            (PROVIDER,),
            Body(ProxyRequest, {"method": "GET", "path": "/user"}),
            security=("accessToken",),
        ),
        Operation(
            "GET",
            f"{base}/internal/tokens/{{provider}}",
            "service_token",
            "A user's access token, for a service beside this server",
            "internal",
            (Answer(200, "An access token that is good now", ServiceToken, token),),
            guarded(*_CALLER, *_ACCOUNT, Code.BODY_MALFORMED, Code.NOT_FOUND),
            "Not routed by the proxy in front. Only for clients that the operator named, with the scope `gatelodge:tokens`.",
            (PROVIDER, Parameter("user", "query", "The user's subject", "8f14e45f", subject, required=True)),
            security=("accessToken",),
        ),
    ]

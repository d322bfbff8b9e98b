"""Operations of connected accounts: the JSON routes of front ends, and the pages for people."""

from collections.abc import Iterable

from gatelodge.app.api_docs.operation import HTML, PROVIDER, Answer, Operation, Parameter
from gatelodge.app.api_docs.server import guarded
from gatelodge.connections.api_models import AuthorizationUrl, Connections, StillAuthorised
from gatelodge.core.codes import Code

__all__ = ["accounts"]

_EITHER = ("accessToken", "session")
_CALLER = (
    Code.SESSION_REQUIRED,
    Code.TOKEN_REJECTED,
    Code.CREDENTIALS_MALFORMED,
    Code.SCOPE_MISSING,
    Code.CSRF_REFUSED,
    Code.LIMIT_REACHED,
    Code.KEYS_UNAVAILABLE,
)
_STORE = (Code.STORAGE_UNAVAILABLE, Code.STORAGE_FAULT)
_VAULT = (*_STORE, Code.VAULT_UNREADABLE, Code.STORE_READ_ONLY, Code.STORAGE_CONFLICT)
_SIGN_IN = (Code.SIGN_IN_REFUSED, Code.ISSUER_UNAVAILABLE, Code.ISSUER_MISMATCH, Code.KEYS_UNAVAILABLE)
_LINK = "https://localhost:8443/workspace/accounts?link="
_LISTED = {
    "connections": [
        {
            "provider": "github",
            "title": "GitHub",
            "kind": "oauth",
            "status": "active",
            "link_url": f"{_LINK}github",
            "reason": None,
            "explanation": None,
            "account_id": "583231",
            "account_name": "octocat",
            "scopes": ["repo"],
            "linked_at": 1795296000.0,
            "consent_ends_at": None,
        },
        {"provider": "jira", "title": "Jira", "kind": "oauth", "status": "not_linked", "link_url": f"{_LINK}jira"},
    ]
}


def accounts(base: str) -> list[Operation]:
    """The operations below a server's base path."""
    return [*_api(base), *_pages(base)]


def _api(base: str) -> Iterable[Operation]:
    returned = Parameter(
        "return_to",
        "query",
        "Where the browser goes at the end: an address of GATELODGE_RETURN_TO",
        "https://app.example.com/",
    )
    url = "https://github.com/login/oauth/authorize?client_id=Iv1.0a1b&state=hT3v&code_challenge_method=S256"
    yield Operation(
        "GET",
        f"{base}/api/auth/{{provider}}/url",
        "authorization_url",
        "Where the user consents to the link",
        "connections",
        (Answer(200, "A fresh address, good once", AuthorizationUrl, {"authorization_url": url, "expires_in": 600}),),
        guarded(
            *_CALLER,
            *_STORE,
            Code.STORE_READ_ONLY,
            Code.NOT_FOUND,
            Code.RETURN_REFUSED,
            Code.PROVIDER_MISCONFIGURED,
        ),
        "Needs the scope `<server>:write`, or a session of the pages. 10 a minute for each user.",
        (PROVIDER, returned),
        security=_EITHER,
    )
    yield Operation(
        "GET",
        f"{base}/api/connections",
        "connections",
        "What the caller has linked",
        "connections",
        (Answer(200, "Every provider that is set up", Connections, _LISTED),),
        guarded(*_CALLER, *_STORE),
        "Needs the scope `<server>:read`, or a session of the pages.",
        security=_EITHER,
    )
    yield Operation(
        "DELETE",
        f"{base}/api/connections/{{provider}}",
        "unlink",
        "Forget a linked account",
        "connections",
        (
            Answer(204, "It is gone, here and at the provider", media=None),
            Answer(
                200,
                "It is gone here; the provider may still honour it until the user ends it there",
                StillAuthorised,
                {"provider": "jira", "authorised_at": "https://id.atlassian.com/manage-profile/apps"},
            ),
        ),
        guarded(*_CALLER, *_VAULT, Code.NOT_FOUND),
        "Needs the scope `<server>:write`, or a session and its CSRF token in `x-csrf-token`.",
        (PROVIDER,),
        security=_EITHER,
    )


def _pages(base: str) -> Iterable[Operation]:
    def page(
        method: str,
        path: str,
        name: str,
        summary: str,
        *answers: Answer,
        errors: tuple[Code, ...],
        provider: bool = False,
    ) -> Operation:
        return Operation(
            method,
            base + path,
            name,
            summary,
            "pages",
            answers,
            guarded(*errors),
            parameters=(PROVIDER,) if provider else (),
            pages=True,
        )

    shown, on = Answer(200, "A page", media=HTML), Answer(303, "On to another page", media=None)
    form = (Code.SESSION_REQUIRED, Code.CSRF_REFUSED, *_VAULT)
    limited = (Code.LIMIT_REACHED,)
    yield page("GET", "/accounts", "accounts_page", "The user's connected accounts", shown, errors=_STORE)
    yield page(
        "GET", "/accounts/sign-in", "sign_in", "To the authorization server", on, errors=(*_SIGN_IN, *_STORE, *limited)
    )
    yield page(
        "GET",
        "/accounts/callback",
        "sign_in_callback",
        "Back from the authorization server",
        on,
        errors=(*_SIGN_IN, *_STORE, *limited),
    )
    yield page("POST", "/accounts/sign-out", "sign_out", "End the session", shown, errors=form)
    yield page(
        "GET", "/accounts/style.css", "style", "The pages' style", Answer(200, "CSS", media="text/css"), errors=()
    )
    yield page(
        "GET",
        "/api/auth/{provider}/callback",
        "link_callback",
        "Back from a provider",
        on,
        errors=(
            *_SIGN_IN,
            *_VAULT,
            *limited,
            Code.NOT_FOUND,
            Code.AUTHORIZATION_STATE,
            Code.SESSION_REQUIRED,
            Code.PROVIDER_REFUSED,
            Code.PROVIDER_LIMITED,
            Code.PROVIDER_MISCONFIGURED,
            Code.CONNECTION_MISSING,
        ),
        provider=True,
    )
    forms = (("link", "To the provider"), ("unlink", "Forget a linked account"), ("token", "Keep an API token"))
    for name, summary in forms:
        yield page(
            "POST",
            f"/accounts/{{provider}}/{name}",
            f"page_{name}",
            summary,
            shown if name == "link" else on,
            errors=(*form, Code.NOT_FOUND, *(limited if name == "link" else ()), Code.AUTHORIZATION_REQUEST),
            provider=True,
        )

"""How each provider's API speaks, as data: which token a call takes, how limits and errors look, what may be kept.

Measured figures of the providers change; what is here is their documentation's, and the waits are ours where they say
nothing. Not here: reading an answer (``api_errors``), sending a request (``upstream``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["DIALECTS", "Dialect", "Kind", "own_credential"]

# What an answer tells about: a user, a repository, or something that is not kept.
Kind = Literal["user", "repository"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider's API. Waits in seconds.

    ``user_credential``: the vault's field of a user's own token where it is not ``access_token``. ``scope_words``: a 401
    with these words is about a scope, so that another token would not help. ``dead_tokens``: names of errors in a 200
    that mean what others say with 401. ``headers_by_end``: headers of calls whose path ends so.
    """

    wait: float
    request_id: tuple[str, ...]
    user_credential: str = "access_token"
    ok_member: bool = False
    limit_statuses: frozenset[int] = frozenset({429})
    limit_words: tuple[str, ...] = ()
    limit_errors: frozenset[str] = frozenset()
    dead_tokens: frozenset[str] = frozenset()
    scope_words: tuple[str, ...] = ()
    headers_by_end: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # Templates of GET paths; a part in braces stands for any one segment.
    kept: Mapping[str, Kind] = field(default_factory=dict)


DIALECTS: Mapping[str, Dialect] = {
    "github": Dialect(
        wait=60.0,
        request_id=("x-github-request-id",),
        # A primary or secondary limit comes as either; headers and words tell it from a missing scope.
        limit_statuses=frozenset({403, 429}),
        limit_words=("secondary rate limit", "rate limit exceeded", "abuse detection"),
        kept={
            "/user": "user",
            "/users/{name}": "user",
            "/user/repos": "repository",
            "/users/{name}/repos": "repository",
            "/orgs/{name}/repos": "repository",
            "/repos/{owner}/{repo}": "repository",
        },
    ),
    "jira": Dialect(
        wait=10.0,
        request_id=("atl-traceid", "x-arequestid"),
        scope_words=("scope does not match",),
        kept={"/rest/api/3/myself": "user", "/rest/api/3/user": "user"},
    ),
    "slack": Dialect(
        wait=30.0,
        request_id=("x-slack-req-id",),
        user_credential="user_access_token",
        ok_member=True,
        limit_errors=frozenset({"ratelimited", "rate_limited"}),
        dead_tokens=frozenset({"invalid_auth", "token_expired", "token_revoked", "not_authed", "account_inactive"}),
        kept={"/users.info": "user", "/users.profile.get": "user", "/auth.test": "user"},
    ),
    "notion": Dialect(
        wait=1.0,
        request_id=("x-notion-request-id", "x-request-id"),
        # Pages as Markdown came with that version; the others stay on the one that the shapes were written for.
        headers_by_end={"/markdown": {"notion-version": "2026-03-11"}},
        kept={"/users/me": "user", "/users/{id}": "user"},
    ),
    "coda": Dialect(wait=6.0, request_id=("x-coda-request-id", "x-request-id"), kept={"/whoami": "user"}),
}


def own_credential(provider: str) -> str:
    """The vault's field of a user's own token: what is given out on the user's behalf."""
    found = DIALECTS.get(provider)
    return found.user_credential if found else "access_token"

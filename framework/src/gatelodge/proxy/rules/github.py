"""GitHub, REST: the user, repositories, issues, pull requests, contents and search."""

from gatelodge.proxy.rule import Rule, get, write

__all__ = ["RULES"]

_REPO = "/repos/{owner}/{repo}"

RULES: tuple[Rule, ...] = (
    *get("/user", "/user/repos", "/user/orgs", "/users/{name}", "/users/{name}/repos", "/orgs/{name}/repos"),
    *get("/search/issues", "/search/code", "/search/repositories", "/rate_limit"),
    *get(_REPO, f"{_REPO}/branches", f"{_REPO}/commits", f"{_REPO}/commits/{{ref}}", f"{_REPO}/labels"),
    *get(f"{_REPO}/issues", f"{_REPO}/issues/{{number}}", f"{_REPO}/issues/{{number}}/comments"),
    *get(f"{_REPO}/pulls", f"{_REPO}/pulls/{{number}}", f"{_REPO}/pulls/{{number}}/files"),
    *get(f"{_REPO}/pulls/{{number}}/comments", f"{_REPO}/contents/{{path...}}", f"{_REPO}/readme", f"{_REPO}/releases"),
    *write("POST", f"{_REPO}/issues", f"{_REPO}/issues/{{number}}/comments", f"{_REPO}/issues/{{number}}/labels"),
    *write("PATCH", f"{_REPO}/issues/{{number}}", f"{_REPO}/issues/comments/{{id}}"),
)

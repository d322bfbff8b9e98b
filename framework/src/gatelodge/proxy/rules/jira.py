"""Jira Cloud, REST API 3: search, issues, comments, transitions, projects. Its searches by POST only read."""

from gatelodge.proxy.rule import Rule, get, remove, write

__all__ = ["RULES"]

_API = "/rest/api/3"
_ISSUE = f"{_API}/issue/{{key}}"

RULES: tuple[Rule, ...] = (
    *get(f"{_API}/myself", f"{_API}/user", f"{_API}/serverInfo", f"{_API}/field", f"{_API}/status", f"{_API}/priority"),
    *get(f"{_API}/project/search", f"{_API}/project/{{key}}", f"{_API}/project/{{key}}/statuses"),
    *get(f"{_API}/issue/createmeta/{{project}}/issuetypes", f"{_API}/issue/createmeta/{{project}}/issuetypes/{{type}}"),
    *get(_ISSUE, f"{_ISSUE}/comment", f"{_ISSUE}/comment/{{id}}", f"{_ISSUE}/transitions", f"{_ISSUE}/changelog"),
    *get(f"{_API}/search/jql", f"{_API}/issuetype", f"{_API}/user/assignable/search"),
    Rule("POST", f"{_API}/search/jql", reads=True),
    Rule("POST", f"{_API}/search/approximate-count", reads=True),
    *write("POST", f"{_API}/issue", f"{_ISSUE}/comment", f"{_ISSUE}/transitions"),
    *write("PUT", _ISSUE, f"{_ISSUE}/comment/{{id}}", f"{_ISSUE}/assignee"),
    *remove(f"{_ISSUE}/comment/{{id}}"),
)

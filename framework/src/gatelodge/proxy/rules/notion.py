"""Notion: search, pages, blocks, databases and data sources, comments. Its search and queries by POST only read."""

from gatelodge.proxy.rule import Rule, get, remove, write

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *get("/users/me", "/users", "/users/{id}", "/pages/{id}", "/pages/{id}/markdown", "/pages/{id}/properties/{name}"),
    *get("/blocks/{id}", "/blocks/{id}/children", "/databases/{id}", "/data_sources/{id}", "/comments"),
    Rule("POST", "/search", reads=True),
    Rule("POST", "/data_sources/{id}/query", reads=True),
    *write("POST", "/pages", "/comments"),
    *write("PATCH", "/pages/{id}", "/pages/{id}/markdown", "/blocks/{id}", "/blocks/{id}/children"),
    *remove("/blocks/{id}"),
)

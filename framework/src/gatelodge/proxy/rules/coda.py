"""Coda: documents, pages, tables and rows. Its writes are taken with 202 and done later."""

from gatelodge.proxy.rule import Rule, get, remove, write

__all__ = ["RULES"]

_DOC = "/docs/{doc}"
_PAGE = f"{_DOC}/pages/{{page}}"
_TABLE = f"{_DOC}/tables/{{table}}"

RULES: tuple[Rule, ...] = (
    *get("/whoami", "/docs", _DOC, f"{_DOC}/pages", _PAGE, f"{_PAGE}/content", "/mutationStatus/{id}"),
    *get(f"{_DOC}/tables", _TABLE, f"{_TABLE}/columns", f"{_TABLE}/columns/{{column}}", f"{_TABLE}/rows"),
    *get(f"{_TABLE}/rows/{{row}}", f"{_PAGE}/export/{{id}}", f"{_DOC}/formulas", f"{_DOC}/controls"),
    # Makes a file to fetch, and changes nothing of the document.
    Rule("POST", f"{_PAGE}/export", reads=True),
    *write("POST", f"{_DOC}/pages", f"{_TABLE}/rows"),
    *write("PUT", _PAGE, f"{_TABLE}/rows/{{row}}"),
    *remove(f"{_TABLE}/rows/{{row}}"),
)

"""Coda's tools against Prism with Coda's own OpenAPI file, which asks for a token and checks every parameter."""

from collections.abc import Iterator
from typing import Any

import pytest
from prism import prism

from gatelodge.toolpacks.coda.tools import PACK

_TABLES = "/docs/{docId}/tables"
_PATHS = ("/whoami", "/docs", "/docs/{docId}", _TABLES, _TABLES + "/{tableIdOrName}/rows")


@pytest.fixture(scope="module")
def coda(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prism("coda", tmp_path_factory.mktemp("coda"), *_PATHS) as url:
        yield url


async def test_calls_and_answers_fit_codas_own_description(coda: str, calls_at: Any) -> None:
    async with calls_at(coda=coda) as calls:
        await calls.set_service("coda", "service-token")
        who = await calls.call(PACK, "whoami")
        assert who["login"] == "user@example.com"
        docs = await calls.call(PACK, "list_docs", query="hub", limit=10)
        doc = docs["docs"][0]
        assert doc["doc_id"]
        assert doc["url"]
        cursor = docs["next_cursor"]
        assert cursor
        assert (await calls.call(PACK, "list_docs", limit=10, cursor=cursor))["docs"]
        assert (await calls.call(PACK, "get_doc", doc_id=doc["doc_id"]))["doc"]["name"]
        tables = await calls.call(PACK, "list_tables", doc_id=doc["doc_id"], cursor=cursor)
        table = tables["tables"][0]["table_id"]
        rows = await calls.call(PACK, "list_rows", doc_id=doc["doc_id"], table_id=table, column="Name", value="Apple")
        assert rows["rows"][0]["row_id"]
        assert rows["rows"][0]["cells"]
        assert "value" in rows["rows"][0]["cells"][0]

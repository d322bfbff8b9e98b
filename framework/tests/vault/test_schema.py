"""``docs/reference/vault-schema.md`` against the tables as the migrations make them, on either database."""

import re
from pathlib import Path

from vaults import Vault

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "vault-schema.md"
TABLES = ("services", "tokens", "data_keys", "token_values", "key_rotations", "retired_keys")
# Types of both databases by the page's words.
TYPES = {"blob": "bytes", "bytea": "bytes"}


def documented() -> dict[str, dict[str, str]]:
    """Table to column to type, of the page."""
    found: dict[str, dict[str, str]] = {}
    for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        name = part.partition("\n")[0].strip()
        columns = dict(re.findall(r"^\| `(\w+)` \| ([a-z ]+) \|", part, re.MULTILINE))
        if columns:
            found[name] = columns
    return found


async def columns(vault: Vault, table: str) -> dict[str, str]:
    """Column to type, of the database."""
    sql = (
        "SELECT name, type FROM pragma_table_info(:table)"
        if vault.db.dialect == "sqlite"
        else "SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_name = :table"
    )
    async with vault.db.reading() as tx:
        rows = await tx.all(sql, table=table)
    return {row["name"]: TYPES.get(row["type"].lower(), row["type"].lower()) for row in rows}


async def test_the_page_has_every_table_and_column_and_no_other(vault: Vault) -> None:
    assert documented() == {table: await columns(vault, table) for table in TABLES}


async def test_the_page_names_every_index(vault: Vault) -> None:
    sql = (
        "SELECT name, tbl_name AS place FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if vault.db.dialect == "sqlite"
        else "SELECT c.relname AS name, t.relname AS place FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " JOIN pg_class t ON t.oid = i.indrelid WHERE NOT i.indisunique"
    )
    async with vault.db.reading() as tx:
        found = {row["name"] for row in await tx.all(sql) if row["place"] in TABLES}
    page = PAGE.read_text(encoding="utf-8")
    assert found == set(re.findall(r"`((?:tokens|data_keys)_\w+)` \(", page))

"""The short form in which the modules of this package write their requirements.

One row is ``(name, section, level, party, sentence)``, with a ``Divergence`` behind it where there is a recorded gap.
"""

from collections.abc import Iterable

from conformance.requirements.model import Divergence, Level, Party, Requirement, Source

__all__ = ["CLIENT", "ISSUER", "MUST", "MUST_NOT", "SERVER", "SHOULD", "SHOULD_NOT", "Row", "of_mcp", "of_rfc"]

MUST, MUST_NOT, SHOULD, SHOULD_NOT = Level.MUST, Level.MUST_NOT, Level.SHOULD, Level.SHOULD_NOT
SERVER, ISSUER, CLIENT = Party.SERVER, Party.ISSUER, Party.CLIENT

Row = tuple[str, str, Level, Party, str] | tuple[str, str, Level, Party, str, Divergence]


def of_rfc(prefix: str, source: Source, rows: Iterable[Row]) -> tuple[Requirement, ...]:
    """Requirements of an RFC: the id is ``<prefix>-<section>-<name>``."""
    return tuple(_requirement(f"{prefix}-{row[1]}-{row[0]}", source, row, row[1], f"#section-{row[1]}") for row in rows)


def of_mcp(prefix: str, source: Source, rows: Iterable[Row]) -> tuple[Requirement, ...]:
    """Requirements of the MCP specification: the id is ``<prefix>-<name>``; the section is ``page#heading``."""
    return tuple(_requirement(f"{prefix}-{row[0]}", source, row, _heading(row[1]), row[1]) for row in rows)


def _requirement(name: str, source: Source, row: Row, section: str, anchor: str) -> Requirement:
    level, party, text = row[2], row[3], row[4]
    return Requirement(name, source, section, anchor, level, party, text, row[5] if len(row) == 6 else None)


def _heading(section: str) -> str:
    page, _, heading = section.partition("#")
    return (heading or page.rpartition("/")[2]).replace("-", " ").replace("_", " ")

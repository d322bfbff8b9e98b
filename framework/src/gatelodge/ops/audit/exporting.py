"""Every event that is asked for as JSON lines or CSV, up to an anchor that is taken first.

Invariant: an export is whole or it is not there: a file gets its name when it is written to its end.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TextIO

from gatelodge.audit.chain import Anchor, Recorded
from gatelodge.audit.finding import Filter, search
from gatelodge.audit.trail import head
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.audit.shown import COLUMNS, as_csv, as_json
from gatelodge.storage.database import Database

__all__ = ["ExportRefused", "export", "write_anchor"]


class ExportRefused(GatelodgeError):
    """The file cannot be written."""

    code = Code.SETTINGS_INVALID


async def export(
    database: Database, wanted: Filter, *, form: Literal["jsonl", "csv"], output: Path | None
) -> tuple[int, Anchor]:
    """Write, and give the number of events and where the trail ended. Raises: ExportRefused, TrailBroken."""
    anchor, number = await head(database), 0
    show: Callable[[Recorded], str] = as_csv if form == "csv" else as_json
    with _written(output) as file:
        if form == "csv":
            file.write(",".join(COLUMNS) + "\n")
        async for one in search(database, wanted):
            # Newer ones are for the next export, which the anchor of this one is for.
            if one.seq > anchor.seq:
                break
            file.write(show(one) + "\n")
            number += 1
    return number, anchor


def write_anchor(path: Path, anchor: Anchor) -> None:
    """Keep where the trail ended. Raises: ExportRefused."""
    try:
        path.write_text(f"{anchor}\n", encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> ExportRefused:
    return ExportRefused(f"{path} cannot be written: {error.strerror}", hint="Name a file in a folder that exists.")


@contextmanager
def _written(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    draft = output.with_name(f".{output.name}.part")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(output)
    except OSError as error:
        raise _unwritable(output, error) from error
    finally:
        draft.unlink(missing_ok=True)

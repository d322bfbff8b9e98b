"""Catalogue V09, scoreboard 20: the power fails anywhere, and every acknowledged commit is there afterwards.

A short form runs with every test run. The whole one runs when GATELODGE_RESULTS names a folder for its figures.
"""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from results import record

from conformance.faults import committer
from conformance.faults.disk import Disk, Operation, read_trace, traced

COMMAND = "GATELODGE_RESULTS=results .venv/bin/pytest tests/conformance/faults/test_power_cuts.py"
WHOLE = bool(os.environ.get("GATELODGE_RESULTS"))
CUTS = 1500 if WHOLE else 200
COMMITS = 150 if WHOLE else 40
SHARES = (0.0, 0.5, 1.0)


@dataclass
class Outcome:
    """What a series of cuts left."""

    cuts: int = 0
    lost: int = 0
    corrupt: int = 0


def recording(folder: Path, level: str) -> tuple[Path, list[Operation]]:
    """File operations of a process that commits, with its acknowledgements between them."""
    file, trace = folder / "own" / "x.db", folder / "trace"
    watched = [file, Path(f"{file}-wal"), file.parent, folder / "acks"]
    traced([committer.__file__, str(file), str(COMMITS), level], trace, watched)
    done = list(read_trace(trace))
    assert (folder / "acks").read_text().endswith("end\n")
    return file, done


def cut(folder: Path, level: str) -> Outcome:
    """Cut the power between operations, in every way of ``SHARES``, and open what is left."""
    file, done = recording(folder, level)
    chance, outcome = Random(20), Outcome()  # noqa: S311 - cuts, no keys
    disk, acknowledged = Disk(str(file.parent)), -1
    every = max(1, len(done) * len(SHARES) // CUTS)
    for index, operation in enumerate(done):
        if operation.path.endswith("/acks"):
            words = operation.data.decode().split()
            acknowledged = int(words[0]) if words[1:] == ["kept"] else acknowledged
        else:
            disk.apply(operation)
        for turn, share in enumerate(SHARES):
            if (index * len(SHARES) + turn) % every == 0:
                image = disk.image(chance, share=share)
                look(restored(image, folder / "after"), file.name, acknowledged, outcome)
    return outcome


def restored(image: dict[str, bytes], folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    for name, content in image.items():
        (folder / name).write_bytes(content)
    return folder


def look(folder: Path, name: str, acknowledged: int, outcome: Outcome) -> None:
    """Open the database as the next start does, and count what is wrong with it."""
    outcome.cuts += 1
    connection = sqlite3.connect(folder / name)
    try:
        whole = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        made = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'newest'").fetchone()[0]
        rows = dict(connection.execute("SELECT number, data FROM things")) if made else {}
        newest = connection.execute("SELECT number FROM newest").fetchall() if made else []
    except sqlite3.DatabaseError:
        outcome.corrupt += 1
        return
    finally:
        connection.close()
    # A commit is there as a whole, after every earlier one, and holds what was written.
    orderly = sorted(rows) == list(range(1, len(rows) + 1)) and newest == ([(len(rows),)] if made else [])
    if not (whole and orderly and all(data == committer.payload(number) for number, data in rows.items())):
        outcome.corrupt += 1
    elif acknowledged > len(rows) or (acknowledged == 0 and not made):
        outcome.lost += 1


def test_no_power_cut_loses_an_acknowledged_commit(tmp_path: Path) -> None:
    outcome = cut(tmp_path, "FULL")
    (tmp_path / "control").mkdir()
    control = cut(tmp_path / "control", "NORMAL")
    record(
        20,
        "SQLite, cuts between recorded file operations",
        tried=outcome.cuts,
        passed=outcome.cuts - outcome.lost - outcome.corrupt,
        figure=f"{outcome.lost} acknowledged commits lost, {outcome.corrupt} databases corrupt",
        command=COMMAND,
        negative_control=f"synchronous=NORMAL: {control.lost} of {control.cuts} cuts lose an acknowledged commit",
    )
    assert outcome.cuts >= CUTS
    assert (outcome.lost, outcome.corrupt) == (0, 0)
    assert control.lost > 0
    assert control.corrupt == 0


@pytest.mark.parametrize("share", SHARES)
def test_the_disk_keeps_what_was_synced_and_only_that_for_sure(share: float) -> None:
    disk = Disk("/d")
    for operation in (
        Operation("write", "/d/a", 0, b"x" * 1024),
        Operation("sync", "/d/a"),
        Operation("sync", "/d"),
        Operation("write", "/d/a", 512, b"y" * 512),
        Operation("write", "/d/b", 0, b"z"),
    ):
        disk.apply(operation)
    image = disk.image(Random(1), share=share)  # noqa: S311 - cuts, no keys
    assert image["a"][:512] == b"x" * 512
    if share == 0.0:
        assert image == {"a": b"x" * 1024}
    if share == 1.0:
        assert image == {"a": b"x" * 512 + b"y" * 512, "b": b"z"}

"""The folder of a run: what lies in it, written once, read with bounds.

Invariant: a folder from a stranger costs bounded time and memory: only regular files of the known names are opened, a
compressed one only up to a size, and every fault is named. Not here: figures (``figures``), the report (``report``).
"""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from gatelodge.ops.slo.faults import EvidenceInvalid
from gatelodge.ops.slo.journal import MOST_SAMPLES, Event, window_of
from gatelodge.ops.slo.objectives import Objective, parse_objectives
from gatelodge.ops.slo.record import RunRecord
from gatelodge.ops.slo.sample import Sample, parse_sample, write_sample
from gatelodge.ops.stack.failures import guarded_disk

__all__ = [
    "OBJECTIVES",
    "RUN",
    "SAMPLES",
    "SUMS",
    "Evidence",
    "as_json",
    "digest",
    "events_of",
    "pack_samples",
    "read_evidence",
    "read_file",
    "write_file",
]

RUN, SAMPLES, OBJECTIVES, SUMS = "run.json", "samples.jsonl.gz", "objectives.toml", "SHA256SUMS"
_HINT = "Give a folder that gatelodge slo run has written."
_LARGEST_FILE = 32 * 1024 * 1024
_LARGEST_TEXT = 64 * 1024 * 1024
_LONGEST_LINE = 4096


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left, read and checked. ``faults``: what was changed afterwards, by name; empty when nothing was."""

    record: RunRecord
    objectives: tuple[Objective, ...]
    samples: tuple[Sample, ...]
    faults: tuple[str, ...]


def digest(data: bytes) -> str:
    """The sha256 in hex."""
    return hashlib.sha256(data).hexdigest()


def pack_samples(samples: Sequence[Sample]) -> bytes:
    """One line per request, compressed; the same samples give the same bytes."""
    text = "".join(write_sample(sample) + "\n" for sample in samples)
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def write_file(folder: Path, name: str, data: bytes) -> None:
    """Write a file of the folder whole. Raises: DiskRefused."""
    with guarded_disk(folder, f"writing {name}"):
        draft = folder / f".{name}.new"
        draft.write_bytes(data)
        draft.replace(folder / name)


def read_file(folder: Path, name: str) -> bytes:
    """A file of the folder. Raises: EvidenceInvalid."""
    path = folder / name
    try:
        if path.is_symlink() or not path.is_file():
            raise EvidenceInvalid(f"{path}: no such file", hint=_HINT)
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise EvidenceInvalid(f"{path}: {error.strerror}", hint=_HINT) from error
    if len(data) > _LARGEST_FILE:
        raise EvidenceInvalid(f"{path}: larger than {_LARGEST_FILE} bytes", hint=_HINT)
    return data


def read_evidence(folder: Path) -> Evidence:
    """The run in a folder. Raises: EvidenceInvalid, ObjectivesInvalid, when it cannot be read at all."""
    try:
        record = RunRecord.model_validate_json(read_file(folder, RUN))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "(whole)"
        raise EvidenceInvalid(f"{RUN}: {place[:80]}: {first['msg'][:200]}", hint=_HINT) from error
    objectives = read_file(folder, OBJECTIVES)
    packed = read_file(folder, SAMPLES)
    faults = [
        f"{name}: changed after the run: its sha256 is not the one in {RUN}"
        for name, data in ((OBJECTIVES, objectives), (SAMPLES, packed))
        if record.files.get(name) != digest(data)
    ]
    samples, found = _samples(packed, events_of(record))
    faults += found
    if len(samples) + len(found) != record.samples:
        faults.append(f"{SAMPLES}: {len(samples) + len(found)} samples, the run made {record.samples}")
    return Evidence(record, parse_objectives(objectives, OBJECTIVES), tuple(samples), tuple(faults))


def events_of(record: RunRecord) -> list[Event]:
    """The events of a record as the journal has them."""
    return [Event(event.name, event.at, event.until, dict(event.detail)) for event in record.events]


def _samples(packed: bytes, events: Sequence[Event]) -> tuple[list[Sample], list[str]]:
    samples: list[Sample] = []
    faults: list[str] = []
    for number, line in enumerate(_lines(packed), 1):
        if number > MOST_SAMPLES:
            raise EvidenceInvalid(f"{SAMPLES}: more than {MOST_SAMPLES} lines", hint=_HINT)
        try:
            sample = parse_sample(line)
        except EvidenceInvalid as error:
            faults.append(f"{SAMPLES}: sample {number}: {error.detail}")
            continue
        samples.append(sample)
        if sample.window != window_of(sample.at, sample.at + sample.total / 1000, events):
            faults.append(f"{SAMPLES}: sample {number}: its window is not that of the events")
    return samples, faults


def _lines(packed: bytes) -> list[str]:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            text = file.read(_LARGEST_TEXT + 1)
        if len(text) > _LARGEST_TEXT:
            raise EvidenceInvalid(f"{SAMPLES}: larger than {_LARGEST_TEXT} bytes when unpacked", hint=_HINT)
        lines = text.decode("utf-8").split("\n")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise EvidenceInvalid(f"{SAMPLES}: cannot be unpacked: {error}", hint=_HINT) from error
    if lines and not lines[-1]:
        lines.pop()
    if any(len(line) > _LONGEST_LINE for line in lines):
        raise EvidenceInvalid(f"{SAMPLES}: a line longer than {_LONGEST_LINE} characters", hint=_HINT)
    return lines


def as_json(document: object) -> bytes:
    """The one form in which documents of the folder are written."""
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()

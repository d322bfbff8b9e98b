"""The check of a report: its hashes, and every number of it made again from the samples.

Not here: whether the samples are true; a folder that was made up as a whole has right hashes too.
"""

import difflib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gatelodge.ops.slo.faults import EvidenceInvalid
from gatelodge.ops.slo.folder import SUMS, as_json, digest, read_evidence, read_file
from gatelodge.ops.slo.pages import as_html, as_markdown, without_images
from gatelodge.ops.slo.report import FILES, HTML, MARKDOWN, SUMMARY
from gatelodge.ops.slo.summary import summarise

__all__ = ["check_folder"]

_LINE = re.compile(r"^([0-9a-f]{64})  ([A-Za-z0-9.]{1,40})$")
_MOST = 50
_SHOWN = 80


def check_folder(folder: Path) -> list[str]:
    """What is wrong about a folder, each fault by name; empty when nothing is.

    Raises: EvidenceInvalid, ObjectivesInvalid, when it is no folder of a run with its report.
    """
    faults = list(_sums(folder))
    evidence = read_evidence(folder)
    faults += evidence.faults
    summary = summarise(evidence)
    faults += _figures(folder, json.loads(as_json(summary)))
    faults += _lines(MARKDOWN, _text(folder, MARKDOWN), as_markdown(summary))
    images = dict.fromkeys(("latency", "timeline", "errors"), b"")
    faults += _lines(HTML, without_images(_text(folder, HTML)), without_images(as_html(summary, images)))
    return list(dict.fromkeys(faults))[:_MOST]


def _sums(folder: Path) -> Iterator[str]:
    said: dict[str, str] = {}
    for line in _text(folder, SUMS).splitlines():
        found = _LINE.match(line)
        if found is None:
            yield f"{SUMS}: a line that is no sum: {line[:_SHOWN]!r}"
        else:
            said[found[2]] = found[1]
    for name in FILES:
        if name not in said:
            yield f"{SUMS}: no sum of {name}"
        elif said[name] != digest(read_file(folder, name)):
            yield f"{name}: changed: its sha256 is not the one in {SUMS}"
    yield from (f"{SUMS}: {name} is no file of a report" for name in sorted(said.keys() - set(FILES)))


def _figures(folder: Path, wanted: dict[str, Any]) -> Iterator[str]:
    try:
        found = json.loads(_text(folder, SUMMARY))
    except (ValueError, RecursionError) as error:
        yield f"{SUMMARY}: no JSON: {error}"
        return
    for place, shown, right in _differences(found, wanted, ""):
        yield f"{SUMMARY}: {place}: says {shown}, the samples give {right}"


def _differences(found: Any, wanted: Any, place: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in dict.fromkeys([*wanted, *found]):
            inside = f"{place}.{str(key)[:_SHOWN]}" if place else str(key)[:_SHOWN]
            if key not in found or key not in wanted:
                yield inside, "nothing" if key not in found else "something", "nothing" if key not in wanted else "it"
            else:
                yield from _differences(found[key], wanted[key], inside)
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for number, (left, right) in enumerate(zip(found, wanted, strict=True)):
            yield from _differences(left, right, f"{place}[{number}]")
    elif type(found) is not type(wanted) or found != wanted:
        yield place, repr(found)[:_SHOWN], repr(wanted)[:_SHOWN]


def _lines(name: str, found: str, wanted: str) -> Iterator[str]:
    if found == wanted:
        return
    matcher = difflib.SequenceMatcher(None, found.splitlines(), wanted.splitlines(), autojunk=False)
    for tag, start, end, *_ in matcher.get_opcodes():
        if tag != "equal":
            line = "\n".join(found.splitlines()[start:end])[:_SHOWN]
            yield f"{name}: line {start + 1} is not what the samples give: {line!r}"


def _text(folder: Path, name: str) -> str:
    try:
        return read_file(folder, name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise EvidenceInvalid(f"{name}: no UTF-8", hint="Make the report again: gatelodge slo report.") from error

"""Events as lines: for people, as JSON and as CSV.

Invariant: what a caller chose (a name in a detail) changes neither the number of lines nor what a terminal shows, and a
cell of CSV is no formula.
"""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

from gatelodge.audit.chain import Recorded

__all__ = ["COLUMNS", "as_csv", "as_json", "as_line", "document"]

COLUMNS = ("seq", "at", "kind", "actor", "outcome", "rule", "request_id", "subject", "previous", "digest")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def document(one: Recorded) -> dict[str, Any]:
    """One event with everything that its digest covers; ``at`` is exact, ``time`` the same for people."""
    event = one.event
    return {
        "seq": one.seq,
        "at": one.at,
        "time": _time(one.at),
        "kind": event.kind,
        "actor": event.actor,
        "outcome": event.outcome,
        "rule": event.rule,
        "request_id": event.request_id,
        "subject": dict(event.subject),
        "previous": one.previous,
        "digest": one.digest,
    }


def as_json(one: Recorded) -> str:
    """One line of JSON, ASCII only."""
    return json.dumps(document(one), separators=(",", ":"))


def as_line(one: Recorded) -> str:
    """One line for people."""
    event = one.event
    details = " ".join(f"{name}={_word(value)}" for name, value in event.subject.items() if value is not None)
    rule = f" by {_word(event.rule)}" if event.rule else ""
    request = f" request={_word(event.request_id)}" if event.request_id else ""
    head = f"{one.seq:>7} {_time(one.at)} {event.kind:20} {event.outcome:7} {event.actor}"
    return f"{head}{rule}{' ' if details else ''}{details}{request}"


def as_csv(one: Recorded) -> str:
    """One line of CSV in the order of ``COLUMNS``."""
    found = document(one)
    found["at"] = found["time"]
    found["subject"] = json.dumps(found["subject"], sort_keys=True, separators=(",", ":"))
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([_cell(found[name]) for name in COLUMNS])
    return text.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value).replace("\n", " ").replace("\r", " ")
    return f"'{text}" if text.startswith(_FORMULA) else text


def _word(value: object) -> str:
    text = str(value)
    return text if text and text.isascii() and text.isprintable() and " " not in text else json.dumps(text)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

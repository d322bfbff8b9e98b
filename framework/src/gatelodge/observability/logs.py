"""Log lines on standard error: one event a line, with the request's id and user, without credentials.

JSON in production, readable on a terminal in development. Every ``logging`` logger of the process goes through here,
uvicorn's and asyncio's too, and so does ``structlog.get_logger``. Invariant: whatever a text holds, it can neither begin
a line of its own nor steer a terminal.

Not here: what is removed (``redaction``), what is worth a line.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from gatelodge.observability.config import Form, LogConfig
from gatelodge.observability.current import CURRENT
from gatelodge.observability.redaction import redact, redacted
from gatelodge.observability.request_id import REQUEST_ID

__all__ = ["CLEAN", "Redaction", "configure_logging", "formatter"]

# Attribute of a record whose own fields are clean already: they are ours, or were redacted by who made the record.
CLEAN = "gatelodge_clean"
_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    CLEAN,
    "message",
    "asctime",
    "color_message",
    "taskName",
    "_logger",
    "_name",
}
_INTERNAL = frozenset({"event", "_record", "_from_structlog", "exc_info", "stack_info"})
# One line for each MCP message or upstream request says nothing an operator acts on, and httpcore shows headers.
_QUIET = ("httpx", "httpcore", "httpx2", "httpcore2", "mcp", "fastmcp", "urllib3")
# Controls of both sets, what separates lines elsewhere, and what turns the direction of text.
_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_APART = re.compile(r"[\s=\"]")
# Before every line of an event but its first, so that none of them looks like an event.
_CONTINUED = "\n  | "


class Redaction(logging.Filter):
    """Redacts the message of a record, for handlers other than ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's message; never drops a record."""
        text = record.getMessage()
        clean = redact(text)
        if clean != text:
            record.msg, record.args = clean, ()
        return True


def configure_logging(config: LogConfig | None = None, *, stream: TextIO | None = None) -> None:
    """Send all loggers of the process to standard error."""
    config = config or LogConfig()
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(formatter(config.form))
    # What no line shows need not be found out for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.level.upper())
    for name in _QUIET:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        # FastMCP brings a handler of its own, which would write past all of this.
        logger.handlers.clear()
        logger.propagate = True
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def formatter(form: Form) -> logging.Formatter:
    """What makes a line of a record."""
    return _Formatter(_as_json if form == "json" else _as_text)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """structlog's, but for records with fields of ours only: they are most, and need none of its steps."""

    def __init__(self, render: Callable[[Any, str, MutableMapping[str, Any]], str]) -> None:
        super().__init__(processors=[_fields, render])
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        if CLEAN not in record.__dict__:
            return super().format(record)
        return self._render(None, "", _fields(None, "", {"_record": record, "event": record.msg}))


class _Handler(logging.StreamHandler[TextIO]):
    """Says that a line could not be written, and nothing of what was in it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name of logging's
        error = sys.exception()
        record = logging.LogRecord(
            record.name,
            logging.ERROR,
            record.pathname,
            record.lineno,
            "a log line could not be written: %s in %s, line %s",
            (type(error).__name__, record.pathname.rpartition("/")[2], record.lineno),
            None,
        )
        with suppress(OSError, ValueError):
            self.stream.write(self.format(record) + self.terminator)
            self.flush()


def _fields(_: Any, __: str, given: MutableMapping[str, Any]) -> dict[str, Any]:
    """Everything that a line shows, in order and clean."""
    record: logging.LogRecord = given["_record"]
    ours: dict[str, Any] | None = record.__dict__.get(CLEAN)
    line: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": given["event"] if ours is not None else redact(str(given["event"])),
    }
    request_id = REQUEST_ID.get()
    if request_id is not None:
        line["request_id"] = request_id
        request = CURRENT.get()
        if request is not None and request.user is not None:
            line["user"] = request.user
    if ours is not None:
        line.update(ours)
        return line
    more = given if given["_from_structlog"] else record.__dict__
    for name in sorted(more.keys() - (_INTERNAL if given["_from_structlog"] else _STANDARD)):
        # A field never stands in for one of ours.
        key = redact(str(name))
        line[f"{key}_" if key in line else key] = redacted(more[name], str(name))
    error = given.get("exc_info")
    if error:
        line["exception"] = redact(_traceback(error))
    if given.get("stack_info"):
        line["stack"] = redact(str(given["stack_info"]))
    return line


def _traceback(given: Any) -> str:
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else sys.exception()
    return "".join(traceback.format_exception(error)).rstrip() if error is not None else ""


_encode = json.JSONEncoder(separators=(",", ":"), default=lambda value: redact(str(value))).encode


def _as_json(_: Any, __: str, line: MutableMapping[str, Any]) -> str:
    # Only ASCII goes out, so that no reader takes a separator of Unicode's for the end of a line.
    return _encode(line)


def _as_text(_: Any, __: str, line: MutableMapping[str, Any]) -> str:
    time, level, logger, event = (line.pop(name) for name in ("timestamp", "level", "logger", "event"))
    after = [str(line.pop(name)) for name in ("exception", "stack") if name in line]
    pairs = [f"{name}={_shown(value)}" for name, value in line.items()]
    text = "\n".join([" ".join([f"{time} {level.upper()} {logger}: {event}", *pairs]), *after])
    return _CONTROLS.sub(_escaped, text).replace("\n", _CONTINUED)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return _encode(value) if not value or _APART.search(value) else value
    return _encode(value)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()

"""Log lines on standard error, with anything that looks like a credential removed.

The filter is the last line of defence: callers do not log secrets in the first place.
"""

import logging
import re
import sys

__all__ = ["Redaction", "configure_logging"]

_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_PARAMETER = re.compile(
    r"(?i)\b(access_token|refresh_token|id_token|client_secret|code_verifier|code|password|registration_access_token)"
    r"(\"?\s*[=:]\s*\"?)[^\s\"&,}]+"
)


class Redaction(logging.Filter):
    """Replaces tokens, authorization headers and credential parameters in the finished line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's message; never drops a record."""
        text = record.getMessage()
        clean = _PARAMETER.sub(r"\1\2***", _BEARER.sub(r"\1 ***", _JWT.sub("***", text)))
        if clean != text:
            record.msg, record.args = clean, ()
        return True


def configure_logging(level: int = logging.INFO) -> None:
    """Send all loggers to standard error, one line an event, redacted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(Redaction())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # One line for each MCP message or upstream request says nothing an operator acts on.
    for name in ("httpx", "httpcore", "mcp", "fastmcp"):
        logging.getLogger(name).setLevel(logging.WARNING)

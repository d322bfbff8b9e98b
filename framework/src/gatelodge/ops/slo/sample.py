"""One request as it was seen by the client that made it: a line of JSON with a sum over itself.

Invariant: a line that was changed, by as little as a digit, is not read again as a sample; nothing in it is a secret.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import Any, get_type_hints

from gatelodge.ops.slo.faults import EvidenceInvalid

__all__ = ["LANES", "Sample", "parse_sample", "write_sample"]

# edge: through Traefik. direct: the server's own port. open: a copy of the server without auth, on its own port.
LANES = ("edge", "direct", "open")
_TEXT = 80
_SUM = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """``at``: seconds since the run began; ``late``: how long after its planned time it was sent, ms. ``ttfb``: ms to the
    first byte of the body, None without one; ``total``: ms to the end. ``status``: 0 without an answer.

    ``valid``: the client had every right to an answer. ``good``: it got the answer that was right for this request.
    ``pair``: number of the comparison it belongs to, 0 for none. ``window``: what was going on (``restart``), or empty.
    """

    at: float
    late: float
    ttfb: float | None
    total: float
    lane: str
    server: str
    kind: str
    era: str
    status: int
    streamed: bool
    valid: bool
    good: bool
    client: int
    pair: int
    window: str
    why: str

    @property
    def server_error(self) -> bool:
        """Whether the answer was a 5xx."""
        return 500 <= self.status <= 599


_TYPES = get_type_hints(Sample)


def write_sample(sample: Sample) -> str:
    """The line, without its end."""
    document = asdict(sample)
    return json.dumps({**document, "sum": _sum(document)}, separators=(",", ":"))


def parse_sample(line: str) -> Sample:
    """Read a line. Raises: EvidenceInvalid, with what is wrong about it."""
    try:
        document = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise EvidenceInvalid(f"no JSON: {error}") from error
    if not isinstance(document, dict):
        raise EvidenceInvalid("no JSON object")
    said = document.pop("sum", None)
    if document.keys() != _TYPES.keys():
        names = sorted(str(name)[:_TEXT] for name in document.keys() ^ _TYPES.keys())
        raise EvidenceInvalid(f"keys missing or unknown: {', '.join(names[:5])}")
    for name, kind in _TYPES.items():
        _check(name, document[name], kind)
    if said != _sum(document):
        raise EvidenceInvalid("changed: its sum does not fit")
    return Sample(**document)


def _check(name: str, value: Any, kind: Any) -> None:
    if kind is bool or kind is str or kind is int:
        right = type(value) is kind
    elif value is None:
        right = name == "ttfb"
    else:
        right = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    if not right:
        raise EvidenceInvalid(f"{name} is of another type")
    # Nothing of a run is negative, and no run lasts for months.
    if isinstance(value, int | float) and not 0 <= value < 1e9:
        raise EvidenceInvalid(f"{name} is out of range")
    if isinstance(value, str) and len(value) > _TEXT:
        raise EvidenceInvalid(f"{name} is too long")
    if name == "lane" and value not in LANES:
        raise EvidenceInvalid("lane is none of " + ", ".join(LANES))


def _sum(document: dict[str, Any]) -> str:
    text = json.dumps(document, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_SUM]


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")

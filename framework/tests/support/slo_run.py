"""The folder of a run that was never made: samples by rule, so that every figure can be worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gatelodge.ops.slo.folder import OBJECTIVES, RUN, SAMPLES, as_json, digest, pack_samples, write_file
from gatelodge.ops.slo.journal import Event, window_of
from gatelodge.ops.slo.sample import Sample

ROOT = Path(__file__).parents[3]
RESTARTED = Event("restart", 10.0, 12.0, {"stopped_after_s": "0.10"})


def sample(at: float = 1.0, **changed: Any) -> Sample:
    """One good answer of 10 ms through Traefik."""
    plain = Sample(
        at=at,
        late=0.0,
        ttfb=10.0,
        total=12.0,
        lane="edge",
        server="main",
        kind="search",
        era="2026-07-28",
        status=200,
        streamed=False,
        valid=True,
        good=True,
        client=1,
        pair=0,
        window="",
        why="",
    )
    return replace(plain, **changed)


def some_samples() -> list[Sample]:
    """A run of 20 s: a call every 0.1 s, one in four streamed, 502 while the server restarts, ten comparisons."""
    found: list[Sample] = []
    for number in range(200):
        made = sample(round(number * 0.1, 1), streamed=number % 4 == 0, ttfb=float(number), total=float(number + 1))
        window = window_of(made.at, made.at + made.total / 1000, [RESTARTED])
        made = replace(made, window=window)
        if window:
            made = replace(made, status=502, streamed=False, good=False, why="status 502, no result")
        found.append(made)
    for pair in range(1, 11):
        found.append(sample(1.0, pair=pair, total=30.0))
        found.append(sample(1.0, pair=pair, total=20.0, lane="direct"))
        found.append(sample(1.0, pair=pair + 10, total=21.0, lane="direct", server="stream", kind="add"))
        found.append(sample(1.0, pair=pair + 10, total=14.0, lane="open", server="stream", kind="add"))
    return found


def write_run(
    folder: Path, samples: Sequence[Sample] | None = None, *, events: Sequence[Event] = (RESTARTED,), **changed: Any
) -> Path:
    """What ``slo run`` leaves; ``changed`` replaces members of ``run.json``."""
    samples = some_samples() if samples is None else samples
    packed, objectives = pack_samples(samples), (ROOT / "benchmarks" / "slo.toml").read_bytes()
    document: dict[str, Any] = {
        "format": 1,
        "url": "https://localhost:8443/mcp",
        "local": True,
        "began": "2026-01-01T00:00:00+00:00",
        "seconds": 20.0,
        "lasted": 20.1,
        "clients": 2,
        "interval": 0.1,
        "samples": len(samples),
        "command": "gatelodge slo run --seconds 20",
        "environment": {"system": "Linux <b>1</b>", "cores": "2"},
        "events": [{"name": e.name, "at": e.at, "until": e.until, "detail": e.detail} for e in events],
        "links": [{"user": 1, "seconds": 1.0 + number / 10, "good": True, "why": ""} for number in range(20)],
        "not_measured": {},
        "clients_left": [],
        "files": {SAMPLES: digest(packed), OBJECTIVES: digest(objectives)},
        **changed,
    }
    folder.mkdir(exist_ok=True)
    for name, data in ((SAMPLES, packed), (OBJECTIVES, objectives), (RUN, as_json(document))):
        write_file(folder, name, data)
    return folder

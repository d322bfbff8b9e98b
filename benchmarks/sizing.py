"""How one replica of the sample grows with users, open streams, callers and documents: ``python benchmarks/sizing.py``.

Each size has a replica of its own (callers share one), all run at once, and slices of the load alternate between them:
ratios are to the smallest size in the same slice. Tokens are real ones of an issuer in this process. The run writes
``results/sizing.json`` and the tables of ``docs/guides/sizing.md``; with ``--output`` only that file.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from peers import issuer
from run import HERE, circumstances
from sizing_page import refresh
from sizing_parts import PARTS, Place

SPARE = 256  # descriptors beyond streams and callers


async def main(options: argparse.Namespace) -> int:
    """Measure and write. Returns 77 when this process may not open enough files, else 0."""
    wanted = max(*options.streams, *options.callers) + SPARE
    if not _may_open(wanted):
        print(f"skipped: {wanted} open files are needed (ulimit -n), and more are not allowed here")
        return 77
    found = circumstances("benchmarks/sizing.py")
    with tempfile.TemporaryDirectory() as folder, issuer() as factory:
        place, began = Place(Path(folder), factory), time.perf_counter()
        place.sign_in(max(*options.users, *options.streams, *options.callers))
        for name, part in PARTS.items():
            found[name] = await part(place, options)
            print(f"{name}, {time.perf_counter() - began:.0f} s", file=sys.stderr)
        found["took_s"] = round(time.perf_counter() - began)
    found["descriptors_allowed"] = wanted
    output = options.output or HERE / "results" / "sizing.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(found, indent=1) + "\n")
    if options.output is None:
        refresh()
    print(f"results: {output}")
    return 0


def _may_open(wanted: int) -> bool:
    """Let this process, and the replicas that it starts, open as many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY not in {soft, hard} and hard < wanted:
        return False
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return True


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Growth of one replica; ratios are to the first of each list.")
    parser.add_argument("--users", type=int, nargs="+", default=[1, 100, 1_000, 10_000])
    parser.add_argument("--streams", type=int, nargs="+", default=[0, 100, 500, 1_000])
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--documents", type=int, nargs="+", default=[100, 5_000])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=1.0, help="of load per round and size")
    parser.add_argument("--again", type=int, default=50, help="calls of users just seen, in each of 20 slices")
    parser.add_argument("--warm-up", type=int, default=300, help="calls of somebody who is not counted")
    parser.add_argument("--idle", type=float, default=16.0, help="seconds in which streams are open and nobody calls")
    parser.add_argument("--output", type=Path, help="write this file, and leave the guide as it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(uvloop.run(main(_options())))

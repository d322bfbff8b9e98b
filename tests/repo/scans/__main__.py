"""``make scan``: every scan that needs no network, one line each, then what was found. Exit code 1 with findings."""

import sys
import time
from collections.abc import Callable, Sequence

from repo.scans import built_images, compose_file, dockerfiles, floors, licences, python_code, secret_search
from repo.scans.outcome import Outcome

__all__ = ["main"]

SCANS: Sequence[Callable[[], Outcome]] = (
    python_code.scan,
    floors.scan,
    licences.scan,
    secret_search.scan,
    dockerfiles.scan,
    compose_file.scan,
    built_images.scan,
)


def main(scans: Sequence[Callable[[], Outcome]] = SCANS) -> int:
    """Run them in order and print the report."""
    found: list[Outcome] = []
    for scan in scans:
        began = time.monotonic()
        outcome = scan()
        found.append(outcome)
        seen = outcome.skipped or outcome.looked_at
        sys.stdout.write(f"{outcome.name:<12} {outcome.state:<8} {time.monotonic() - began:5.1f} s  {seen}\n")
    for outcome in found:
        for finding in outcome.findings:
            sys.stdout.write(f"  {outcome.name}: {finding}\n")
    count = sum(len(outcome.findings) for outcome in found)
    skipped = [outcome.name for outcome in found if outcome.skipped]
    sys.stdout.write(f"{count} findings" + (f"; not looked at: {', '.join(skipped)}" if skipped else "") + "\n")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())

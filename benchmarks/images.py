"""Size and start of our images, next to images that a first attempt makes of the same packages.

``PYTHONPATH=tests/support:framework/tests/support python benchmarks/images.py``. Builds everything first. A start is from
``docker run`` to the first 200 of ``/health/live``, with a read-only disk as in compose.yaml. Needs a Docker engine.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from native import write
from native_stack import CHECKOUT, free_port

BASE = "python:3.13-slim-trixie"
OURS = "infra/compose/Dockerfile"
NAIVE = "tests/e2e/docker/images/naive.Dockerfile"
SAMPLE = "/src/sample-deep-research-mcp"
BUDGET_SECONDS = 2.0
# Each image of ours, and what it is compared with: the same packages, and "install it all".
COMPARED = {
    "desk": {"naive": "/src/framework", "naive with all extras": "/src/framework[ops,report]"},
    "sample": {
        "naive": f"/src/framework {SAMPLE}",
        "naive with all extras": f"/src/framework[ops,report] {SAMPLE}",
    },
}
PORTS = {"desk": 8001, "sample": 8000}
_REALM = "https://localhost:8443/realms/mcp"
_ENVIRONMENT = {
    "GATELODGE_MODE": "production",
    "GATELODGE_ISSUER": _REALM,
    "GATELODGE_ISSUER_INTERNAL_URL": "http://keycloak:8080/realms/mcp",
    "GATELODGE_PUBLIC_URL": "https://localhost:8443/mcp",
    "SAMPLE_CORPUS_DIR": "/corpus",
    "GATELODGE_DESK_SECRET_FILE": "/run/secrets/desk",
    "GATELODGE_DESK_INTERNAL_URL": "http://desk:8001",
}


def main(options: argparse.Namespace) -> int:
    """Build, measure, write. Returns 1 when an image starts slower than the budget or is not small enough, else 0."""
    base = _size(BASE)
    found: dict[str, Any] = {"base": {"image": BASE, "mb": base, "stand_in": _stand_in()}, "images": {}}
    good = True
    for target, others in COMPARED.items():
        tag = _build(f"gatelodge-bench-{target}", OURS, "--target", target)
        ours = _size(tag)
        entry: dict[str, Any] = {"mb": ours, "mb_above_base": round(ours - base, 1)}
        for at, (what, packages) in enumerate(others.items()):
            size = _size(_build(f"gatelodge-bench-naive-{at}", NAIVE, "--build-arg", f"PACKAGES={packages}"))
            entry[what] = {
                "mb": size,
                "mb_above_base": round(size - base, 1),
                "smaller_by": round(1 - ours / size, 3),
                "smaller_by_above_base": round(1 - (ours - base) / (size - base), 3),
            }
        entry["start"] = _starts(target, tag, options.rounds)
        good = good and entry["start"]["seconds"]["median"] < BUDGET_SECONDS
        good = good and entry["naive"]["smaller_by_above_base"] >= 0.3
        found["images"][target] = entry
        print(target, entry)
    found["load_average_of_the_last_minute"] = round(os.getloadavg()[0], 1)
    print(f"results: {write('images', found, options.output)}")
    return 0 if good else 1


def _docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        cwd=CHECKOUT,
        # The builder that every engine has.
        env=os.environ | {"DOCKER_BUILDKIT": "0"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def _build(tag: str, dockerfile: str, *arguments: str) -> str:
    _docker("build", "--quiet", "--file", dockerfile, "--tag", tag, *arguments, ".")
    return tag


def _size(image: str) -> float:
    """All layers unpacked, in MB (10^6 bytes), as the engine counts them."""
    return round(int(_docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6, 1)


def _stand_in() -> bool:
    return "gatelodge.stand-in" in _docker("image", "inspect", "--format", "{{json .Config.Labels}}", BASE)


def _starts(target: str, tag: str, rounds: int) -> dict[str, Any]:
    # One more, which warms the disk's cache and is not counted.
    pairs = [_start(target, tag) for _ in range(rounds + 1)][1:]
    found = dict(zip(("seconds", "processor_seconds"), zip(*pairs, strict=True), strict=True))
    return {
        name: {"median": round(statistics.median(samples), 2), "samples": [round(sample, 2) for sample in samples]}
        for name, samples in found.items()
    }


def _start(target: str, tag: str) -> tuple[float, float]:
    """Seconds from ``docker run`` to the first 200, and the server's own processor time of them."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        corpus, secret = Path(folder, "corpus"), Path(folder, "desk")
        corpus.mkdir()
        (corpus / "one.md").write_text("# One\n\nA small document.\n", encoding="utf-8")
        secret.write_text("not-a-secret-of-anything", encoding="utf-8")
        run = ["run", "--detach", "--rm", "--read-only", "--tmpfs", "/tmp"]  # noqa: S108 - inside the container
        run += ["--volume", f"{corpus}:/corpus:ro", "--volume", f"{secret}:/run/secrets/desk:ro"]
        run += ["--publish", f"127.0.0.1:{port}:{PORTS[target]}"]
        run += [word for name, value in _ENVIRONMENT.items() for word in ("--env", f"{name}={value}")]
        began = time.monotonic()
        container = _docker(*run, tag)
        try:
            _wait(f"http://127.0.0.1:{port}/health/live")
            return time.monotonic() - began, _processor_seconds(container)
        finally:
            _docker("rm", "--force", "--volumes", container)


def _processor_seconds(container: str) -> float:
    pid = _docker("inspect", "--format", "{{.State.Pid}}", container)
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    # utime and stime (proc(5)), without the command's name in front.
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wait(url: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=None)
    sys.exit(main(parser.parse_args()))

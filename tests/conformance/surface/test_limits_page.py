"""``docs/reference/limits.md`` says what the code and Traefik's configuration do."""

import re

import pytest
import yaml
from native_stack import CHECKOUT

from gatelodge.app.message import MAX_BODY
from gatelodge.app.slow_clients import Limits
from gatelodge.ops.stack.edge import READ_TIMEOUT

_PAGE = CHECKOUT / "docs" / "reference" / "limits.md"


def stated(part: str) -> dict[str, float]:
    """The figures of one part of the page by the name of the limit."""
    section = _PAGE.read_text(encoding="utf-8").split(f"\n## {part}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([0-9,]+)(?: s| bytes)? \|", section, re.MULTILINE)
    return {name: float(value.replace(",", "")) for name, value in rows}


def test_the_servers_limits_are_on_the_page() -> None:
    limits = Limits()
    assert list(stated("The server").values()) == [
        limits.head,
        limits.stall,
        limits.body,
        limits.idle,
        limits.write,
        limits.head_bytes,
        limits.headers,
        MAX_BODY,
        limits.unread_bytes,
    ]


def test_traefiks_limits_are_on_the_page() -> None:
    static = yaml.safe_load((CHECKOUT / "infra" / "traefik" / "traefik.yaml").read_text(encoding="utf-8"))
    public = static["entryPoints"]["public"]
    dynamic = yaml.safe_load((CHECKOUT / "infra" / "traefik" / "dynamic.yaml").read_text(encoding="utf-8"))
    found = stated("Traefik in front of it")
    assert list(found.values()) == [
        float(READ_TIMEOUT.removesuffix("s")),
        float(public["transport"]["respondingTimeouts"]["idleTimeout"].removesuffix("s")),
        public["http"]["maxHeaderBytes"],
        public["http2"]["maxConcurrentStreams"],
        dynamic["http"]["middlewares"]["whole-request"]["retry"]["maxRequestBodyBytes"],
    ]


@pytest.mark.parametrize("part", ["The server", "Traefik in front of it"])
def test_a_figure_that_differs_would_be_found(part: str) -> None:
    assert len(stated(part)) >= 5

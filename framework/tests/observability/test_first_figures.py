"""Figures that alerts watch for their first increase: there from the first scrape on, at 0."""

import subprocess
import sys

from gatelodge.core.codes import Code

# Of a process of its own: this one has counted already.
FRESH = """
from prometheus_client import generate_latest
from gatelodge.observability.metrics import REGISTRY, keys_fetched
from gatelodge.ratelimit.bursts import Bursts
from gatelodge.testing.clock import ManualClock
Bursts("calls", ManualClock())
keys_fetched("https://issuer.example", "ok")
print(generate_latest(REGISTRY).decode())
"""


def test_what_an_alert_waits_for_is_zero_before_it_happens() -> None:
    told = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True).stdout.splitlines()
    assert {f'gatelodge_errors_total{{code="{code.value}"}} 0.0' for code in Code} <= set(told)
    assert 'gatelodge_token_verdicts_total{verdict="unavailable"} 0.0' in told
    assert 'gatelodge_limits_reached_total{limit="calls"} 0.0' in told
    assert 'gatelodge_jwks_fetches_total{issuer="https://issuer.example",outcome="failed"} 0.0' in told

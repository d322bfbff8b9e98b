"""kill -9 at every statement of a rotation: no credential is lost or unreadable, and the next run goes on.

A process without threads forks one child for each kill, so that 200 of them take seconds: GATELODGE_KILLS=200.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from results import record

KILLS = int(os.environ.get("GATELODGE_KILLS", "6"))
HERE = Path(__file__).parent
COMMAND = "GATELODGE_KILLS=200 .venv/bin/pytest framework/tests/vault/test_kills.py"


def test_a_rotation_killed_at_any_statement_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, HERE / "killed_rotation.py", tmp_path / "database" / "test.db", str(KILLS)],
        env={**os.environ, "PYTHONPATH": str(HERE.parent / "support")},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["killed"] == KILLS
    assert found["unreadable"] == 0
    assert found["control"] == 8
    assert found["finished"] >= 1, "runs between the kills come to their end"
    record(
        19,
        "kill -9 during a rotation of keys",
        tried=found["killed"],
        passed=found["killed"] - found["unreadable"],
        command=COMMAND,
        negative_control="the same rows read with another key: all 8 are counted as unreadable",
        figure=f"{found['statements']} different statements killed at, {found['finished']} rotations finished",
    )

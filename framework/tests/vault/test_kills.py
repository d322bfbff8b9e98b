"""kill -9 at every statement of a rotation: no credential is lost or unreadable, and the next run goes on.

A process without threads forks one child for each kill, so that 200 of them take seconds: GATELODGE_KILLS=200.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from results import record
from vaults import Vault

KILLS = int(os.environ.get("GATELODGE_KILLS", "6"))
HERE = Path(__file__).parent
COMMAND = "GATELODGE_KILLS=200 .venv/bin/pytest framework/tests/vault/test_kills.py"


async def test_a_rotation_killed_at_any_statement_loses_nothing(vault: Vault) -> None:
    url = vault.config.url
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "killed_rotation.py"),
        url if isinstance(url, str) else url.reveal(),
        str(KILLS),
        env={**os.environ, "PYTHONPATH": str(HERE.parent / "support")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(900):
        out, errors = await program.communicate()
    assert program.returncode == 0, errors.decode()
    found = json.loads(out)
    assert found["killed"] == KILLS
    assert found["unreadable"] == 0
    assert found["control"] == 8
    assert found["finished"] >= 1, "runs between the kills come to their end"
    record(
        19,
        f"kill -9 during a rotation of keys, {vault.db.dialect}",
        tried=found["killed"],
        passed=found["killed"] - found["unreadable"],
        command=COMMAND,
        negative_control="the same rows read with another key: all 8 are counted as unreadable",
        figure=f"{found['statements']} different statements killed at, {found['finished']} rotations finished",
    )

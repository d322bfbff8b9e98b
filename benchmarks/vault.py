"""What the vault adds to reading a token's row, in microseconds: ``python benchmarks/vault.py``.

The raw row read is the same statement by the same path (``Database.rows``) on the same SQLite database; the third figure
is that statement in a transaction of its own. Rounds alternate between them, in one process; the medians of all calls
are compared.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from run import circumstances

from gatelodge.audit.trail import Trail
from gatelodge.core.clock import SystemClock
from gatelodge.core.secret import Secret, generate
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import open_database
from gatelodge.storage.migrations import migrate
from gatelodge.vault import rows
from gatelodge.vault.key_source import new_key
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.owner import Owner
from gatelodge.vault.sql_store import SqlTokenStore

GOAL = 150.0
CONNECTIONS = 500


async def main(rounds: int, calls: int, output: Path | None) -> int:
    """Print and keep the figures. Returns 1 when the goal is missed."""
    measured = circumstances("benchmarks/vault.py")
    with tempfile.TemporaryDirectory() as folder:
        db = await open_database(DatabaseConfig(f"sqlite:///{Path(folder) / 'database' / 'vault.db'}"))
        await migrate(db)
        # Group commits between the rounds only: they are measured by themselves.
        trail = Trail(db, SystemClock(), window=3600.0)
        store = SqlTokenStore(db, Keyring([new_key()]), trail, SystemClock())
        owners = [Owner("https://as.example", str(number), "github") for number in range(CONNECTIONS)]
        for owner in owners:
            await store.put(owner, secrets(), actor="benchmark", scopes=frozenset({"repo"}), expires_at=2e9)

        async def raw(owner: Owner) -> None:
            await db.rows(rows.WHOLE_OF_OWNER, tenant=owner.tenant, user=owner.user, service=owner.provider)

        async def within(owner: Owner) -> None:
            async with db.reading() as tx:
                await tx.all(rows.WHOLE_OF_OWNER, tenant=owner.tenant, user=owner.user, service=owner.provider)

        async def opened(owner: Owner) -> None:
            await store.open(owner, actor="benchmark", purpose="benchmark")

        took: dict[str, list[float]] = {"raw row read": [], "vault read": [], "in a transaction": []}
        audit: list[float] = []
        for _ in range(rounds):
            took["raw row read"] += await timed(raw, owners, calls)
            took["vault read"] += await timed(opened, owners, calls)
            took["in a transaction"] += await timed(within, owners, calls)
            began = time.perf_counter()
            await trail.flush()
            audit.append((time.perf_counter() - began) * 1e6 / calls)
        await trail.aclose()
        await db.aclose()
    found = {name: {"count": len(all_), **spread(all_)} for name, all_ in took.items()}
    audited = round(statistics.median(audit), 1)
    more = found["vault read"]["p50"] - found["raw row read"]["p50"]
    for name, figures in found.items():
        print(f"{name:16} p50 {figures['p50']:8.1f} us   p95 {figures['p95']:8.1f} us")
    print(f"the vault adds {more:.1f} us at p50 (goal: at most {GOAL:.0f}); its audit event costs {audited} us later")
    keep(output, document(found, more, audited, measured))
    return int(more > GOAL)


def keep(output: Path | None, found: dict[str, object]) -> None:
    """Write the result file, where one is named."""
    if output is not None:
        output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def secrets() -> dict[str, Secret]:
    """A pair of the usual lengths."""
    return {"access_token": generate(64), "refresh_token": generate(64)}


async def timed(call: Callable[[Owner], Awaitable[None]], owners: list[Owner], calls: int) -> list[float]:
    """Microseconds of each call."""
    took = []
    for number in range(calls):
        began = time.perf_counter()
        await call(owners[number % len(owners)])
        took.append((time.perf_counter() - began) * 1e6)
    return took


def spread(took: list[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    cuts = statistics.quantiles(took, n=100)
    return {"p50": round(cuts[49], 1), "p95": round(cuts[94], 1)}


def document(
    found: dict[str, dict[str, float]], more: float, audited: float, measured: dict[str, Any]
) -> dict[str, object]:
    """The result file."""
    more_versions = {name: version(name) for name in ("sqlalchemy", "aiosqlite")}
    return {
        **measured,
        "versions": measured["versions"] | more_versions,
        "connections": CONNECTIONS,
        "microseconds": found,
        "vault_adds_p50": round(more, 1),
        "audit_event_in_a_group_commit": audited,
        "goal": GOAL,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    raise SystemExit(asyncio.run(main(options.rounds, options.calls, options.output)))

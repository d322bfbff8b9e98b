"""``gatelodge doctor``: look for the known traps, say how to get out of each, write a bundle for a bug report."""

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatelodge.ops.doctor.examine import Report
    from gatelodge.ops.doctor.facts import Facts

__all__ = ["add_commands"]

Subparsers = argparse._SubParsersAction


def add_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``doctor``."""
    doctor = commands.add_parser("doctor", help="look for known traps of machine, stack and configuration")
    doctor.add_argument(
        "url",
        nargs="?",
        metavar="URL",
        help="MCP URL as clients type it (the stack of this checkout, else the setting)",
    )
    doctor.add_argument("--json", action="store_true", help="machine-readable")
    doctor.add_argument("--bundle", type=Path, metavar="FILE", help="also write an archive for a bug report (tar.gz)")
    doctor.add_argument("--ca-file", type=Path, help="certificate authority of the edge (the local stack's)")
    doctor.add_argument("--keycloak-url", metavar="URL", help="Keycloak's internal address, to look at the realm")
    doctor.add_argument("--admin", metavar="NAME", default="admin", help="account of the realm master (admin)")
    doctor.add_argument("--admin-password-file", type=Path, metavar="FILE", help="file with its password")
    doctor.add_argument("--state-dir", type=Path, help="state folder (.gatelodge in the checkout)")
    doctor.set_defaults(run=_doctor)


def _doctor(given: argparse.Namespace) -> int:
    from gatelodge.ops.doctor.bundle import write_bundle
    from gatelodge.ops.doctor.table import render

    report, facts = asyncio.run(_examined(given))
    print(json.dumps(report.document(), indent=2) if given.json else render(report))
    if given.bundle is not None:
        names = write_bundle(given.bundle, report, facts)
        if not given.json:
            print(f"\n{given.bundle}: {len(names)} files, secrets removed; look through it before you send it")
    return 0 if report.healthy else 1


async def _examined(given: argparse.Namespace) -> "tuple[Report, Facts]":
    from gatelodge.core.clock import SystemClock
    from gatelodge.ops.doctor.examine import examine
    from gatelodge.ops.doctor.surroundings import surroundings
    from gatelodge.outbound.client import Outbound

    around = surroundings(
        given.url,
        state=given.state_dir,
        ca_file=given.ca_file,
        keycloak_url=given.keycloak_url,
        admin=given.admin,
        password_file=given.admin_password_file,
        environment=os.environ,
    )
    outbound = Outbound(ca_file=around.ca_file)
    facts = around.facts(outbound, SystemClock())
    try:
        return await examine(facts), facts
    finally:
        await outbound.aclose()

"""``gatelodge realm``: the realm of ``infra/keycloak`` rendered, compared with Keycloak's, applied and exported.

Exit code 4: ``plan`` has something to do, ``drift`` found a difference.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gatelodge.cli.realm_place import add_options, opened

if TYPE_CHECKING:
    from gatelodge.ops.realm.step import Step

__all__ = ["DIFFERENT", "add_commands"]

DIFFERENT = 4

# argparse has no public name for what add_subparsers returns.
Subparsers = argparse._SubParsersAction


def add_commands(commands: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``realm render``, ``plan``, ``apply``, ``drift`` and ``export``."""
    realm = commands.add_parser("realm", help="the Keycloak realm as code: render, plan, apply, drift, export")
    actions = realm.add_subparsers(metavar="ACTION", required=True)
    render = actions.add_parser("render", help="print the realm as JSON that Keycloak imports (no users in it)")
    render.add_argument("--public-url", required=True, metavar="URL", help="scheme and host, https://mcp.example.com")
    render.add_argument("--folder", type=Path, default=Path("infra/keycloak"), help="the realm's files")
    render.add_argument("--output", type=Path, help="write to this file instead of standard output")
    render.set_defaults(run=_render)
    plan = actions.add_parser("plan", help="what apply would do, field by field; changes nothing")
    apply = actions.add_parser("apply", help="make Keycloak's realm say what the files say")
    drift = actions.add_parser("drift", help="what differs now, and whether someone in Keycloak changed it")
    export = actions.add_parser("export", help="write Keycloak's realm as files, without secrets")
    for command, run in ((plan, _plan), (apply, _apply), (drift, _drift), (export, _export)):
        add_options(command)
        command.set_defaults(run=run)
    for command in (plan, apply, drift):
        command.add_argument("--json", action="store_true", help="machine-readable")
    for command in (plan, apply):
        command.add_argument(
            "--all-clients", action="store_true", help="give every scope of the files to clients that people made too"
        )
    drift.add_argument("--strict", action="store_true", help="exit 4 also for what someone added")
    export.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="a new or empty folder")


def _render(options: argparse.Namespace) -> int:
    from gatelodge.ops.realm.render import render_text

    text, needed = render_text(
        options.folder, public_base=options.public_url, output=options.output, environment=os.environ
    )
    if options.output is None:
        sys.stdout.write(text)
    for name in needed:
        print(
            f"gatelodge: set {name} where Keycloak imports this: without it Keycloak takes the text ${{{name}}} for the"
            " secret, which anyone can know. `gatelodge realm plan` finds that.",
            file=sys.stderr,
        )
    return 0


def _plan(given: argparse.Namespace) -> int:
    from gatelodge.ops.realm.diff import plan_document, render_plan

    with opened(given) as place:
        plan = place.admin.plan(place.wanted, environment=place.environment, all_clients=given.all_clients)
    print(json.dumps(plan_document(plan), indent=2) if given.json else render_plan(plan))
    return 0 if plan.empty else DIFFERENT


def _apply(given: argparse.Namespace) -> int:
    from gatelodge.ops.audit.administration import administered
    from gatelodge.ops.realm.diff import plan_document, render_plan, render_step

    def done(step: "Step") -> None:
        if not given.json:
            print(render_step(step), flush=True)

    with administered("admin.realm", action="apply") as told, opened(given) as place:
        plan = place.admin.apply(place.wanted, environment=place.environment, all_clients=given.all_clients, done=done)
        told.update(realm=plan.realm, steps=len(plan.steps))
    if given.json:
        print(json.dumps(plan_document(plan), indent=2))
    else:
        print(render_plan(plan) if plan.empty else f"realm {plan.realm}: {len(plan.steps)} steps done")
    return 0


def _drift(given: argparse.Namespace) -> int:
    with opened(given) as place:
        drift = place.admin.drift(place.wanted, environment=place.environment)
    print(json.dumps(drift.document(), indent=2) if given.json else drift.render())
    return DIFFERENT if drift.differs or (given.strict and drift.added) else 0


def _export(given: argparse.Namespace) -> int:
    with opened(given) as place:
        unsaid = place.admin.export(place.wanted, given.output, public_base=place.public_base)
    print(f"written to {given.output}; the files do not say:")
    print("\n".join(f"  {line}" for line in unsaid))
    return 0

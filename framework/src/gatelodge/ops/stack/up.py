"""``gatelodge up`` in the foreground: prepare, supervise, stop.

Everything that can be refused is checked before the first process starts. Not here: what a detached start shows
(``attach``), how a run goes (``supervisor``).
"""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from gatelodge.core.clock import Clock
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.realm.render import render_realm
from gatelodge.ops.realm.servers import server_scopes
from gatelodge.ops.stack.attach import follow
from gatelodge.ops.stack.authority import ensure_certificates
from gatelodge.ops.stack.binaries import find_binaries
from gatelodge.ops.stack.check import linker, realm_keeper
from gatelodge.ops.stack.credentials import ADMINISTRATOR, prepare_credentials
from gatelodge.ops.stack.distribution import build_with_kc, prepare_keycloak
from gatelodge.ops.stack.documents import VERIFIER_HOST, write_document_trust
from gatelodge.ops.stack.edge import render_routes, render_static
from gatelodge.ops.stack.keycloak import prepare_home
from gatelodge.ops.stack.lock import try_lock
from gatelodge.ops.stack.options import StackOptions
from gatelodge.ops.stack.parts import Composition, compose
from gatelodge.ops.stack.ports import choose_ports
from gatelodge.ops.stack.process import rotate
from gatelodge.ops.stack.procfs import ProcessId
from gatelodge.ops.stack.prometheus import find_prometheus, metric_urls, write_prometheus
from gatelodge.ops.stack.record import Record, RunState, write_private, write_record
from gatelodge.ops.stack.servers import write_realm_files
from gatelodge.ops.stack.status import read_status
from gatelodge.ops.stack.supervisor import Supervisor
from gatelodge.ops.stack.table import render_table
from gatelodge.ops.stack.versions import read_versions
from gatelodge.outbound.client import Outbound

__all__ = ["up"]

Report = Callable[[str], None]


def up(options: StackOptions, *, cache: Path, clock: Clock, report: Report, table: bool = True) -> int:
    """Run the stack until Ctrl-C or SIGTERM; a stack that runs already is shown instead. Returns the exit code.

    Raises: GatelodgeError when it cannot start; a failure while running is told through ``report`` (exit code 1).
    """
    layout = options.layout
    layout.create()
    with try_lock(layout.lock) as mine:
        if not mine:
            return follow(layout, report, clock=clock)
        myself = ProcessId.of(os.getpid())
        write_record(layout.record, Record(RunState.STARTING, "preparing", myself, options.urls))
        # A stop while preparing must leave by the same way as Ctrl-C does.
        for number in (signal.SIGINT, signal.SIGTERM):
            # SIGINT too: a script's background job starts with it ignored.
            signal.signal(number, signal.default_int_handler)
        try:
            given = _prepare(options, cache, clock, report)
            return asyncio.run(_supervise(given, clock, report, table=table))
        except GatelodgeError as error:
            write_record(layout.record, Record(RunState.FAILED, error.detail, myself, options.urls))
            raise
        except KeyboardInterrupt:
            write_record(layout.record, Record(RunState.STOPPED, "stopped on request", myself, options.urls))
            raise


def _prepare(options: StackOptions, cache: Path, clock: Clock, report: Report) -> Composition:
    layout, began = options.layout, clock.monotonic()
    ports = choose_ports(options)
    versions = read_versions(layout.infra / "versions.toml")
    binaries = find_binaries(versions)
    write_realm_files(layout.infra / "keycloak", layout.realm_files, options.servers)
    scopes = server_scopes(layout.realm_files)
    build = build_with_kc(binaries.java_home, layout.log("keycloak-build"))
    home = prepare_keycloak(versions.keycloak, cache, build=build, report=report)
    prepare_home(layout.keycloak, home)
    certificates = ensure_certificates(layout.tls, clock)
    write_document_trust(layout)
    credentials = prepare_credentials(layout.secrets)
    outbound = Outbound(ca_file=certificates.ca_file)
    prometheus = find_prometheus() if options.prometheus else None
    given = Composition(options, ports, binaries, certificates, credentials, scopes, outbound, prometheus)
    render_static(layout.infra, layout.state / "traefik" / "traefik.yaml", bind=options.bind, ports=ports)
    render_routes(layout.infra, layout.routes, servers=options.servers, ports=ports)
    write_prometheus(layout, ports)
    _write_internal(given)
    if "authority" in certificates.renewed:
        report(f"new local certificate authority: clients must trust {certificates.ca_file}")
    report(
        f"prepared Keycloak {versions.keycloak.version}, certificates, passwords ({clock.monotonic() - began:.1f} s)"
    )
    return given


async def _supervise(given: Composition, clock: Clock, report: Report, *, table: bool) -> int:
    options, layout = given.options, given.options.layout
    realm = render_realm(
        layout.realm_files,
        public_base=options.public_base,
        users=given.credentials.users,
        desk_secret=given.credentials.desk,
        web_secret=given.credentials.web,
        environment=os.environ,
    )
    parts = compose(given, ensure_realm=realm_keeper(given, realm, clock, report))
    for part in parts:
        rotate(part.log)
    myself = ProcessId.of(os.getpid())

    def on_ready() -> None:
        report(f"ready ({options.mcp_url})")
        if table:
            report(render_table(read_status(layout)) + "\nCtrl-C stops it.")

    supervisor = Supervisor(
        parts,
        record=layout.record,
        myself=myself or ProcessId(os.getpid(), 0),
        urls=options.urls | metric_urls(given.ports, prometheus=given.prometheus is not None),
        clock=clock,
        report=report,
        check=linker(given, clock, report),
        on_ready=on_ready,
    )
    supervisor.obey_signals()
    report(f"starting {', '.join(part.name for part in parts)}")
    try:
        failure = await supervisor.run()
    finally:
        await given.outbound.aclose()
    report("stopped" if failure is None else f"failed; the logs are in {layout.logs}\n  next step: {failure.hint}")
    return 0 if failure is None else 1


def _write_internal(given: Composition) -> None:
    ports = given.ports
    document = {
        "keycloak_url": given.keycloak_url,
        "management_url": f"http://127.0.0.1:{ports.management}",
        "desk_url": f"http://127.0.0.1:{ports.desk}",
        "server_url": f"http://127.0.0.1:{ports.server}",
        "server_urls": {
            server.name: f"http://127.0.0.1:{port}"
            for server, port in zip(given.options.servers, ports.servers, strict=True)
        },
        "documents": {"host": VERIFIER_HOST, "port": ports.documents},
        "ping_url": f"http://127.0.0.1:{ports.ping}/ping",
        "admin": {"username": ADMINISTRATOR, "password": given.credentials.admin.reveal()},
    }
    write_private(given.options.layout.internal, json.dumps(document, indent=2) + "\n")

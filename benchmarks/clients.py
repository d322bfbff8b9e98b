"""The reaper in a realm of many clients: which go, which stay, what a sweep costs; months pass by the sweep's clock only.

``PYTHONPATH=tests/support:framework/tests/support python benchmarks/clients.py``. Some clients are linked for real,
through Traefik, the desk and Keycloak's own pages: with offline sessions, and with sessions of a browser's sign-in.
Every one of them must be able to refresh afterwards; of the others, exactly the unused ones must be gone.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from native import memory, running, write
from native_stack import READ, Stack

from gatelodge.core.clock import SystemClock
from gatelodge.ops.clients.place import from_state
from gatelodge.ops.link import oauth_steps
from gatelodge.ops.link.oauth_types import OAuthRefused
from gatelodge.ops.link.obtain import Obtained, obtain_tokens
from gatelodge.ops.link.target import LOOPBACK_REDIRECT
from gatelodge.outbound.client import Answer, Began, Outbound
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.marks import MADE_AT, MADE_BY, made_by, stamp
from gatelodge.registration.reaper import Cursor, ReapPolicy, sweep
from gatelodge.registration.service_account import ServiceAccount
from gatelodge.settings.desk import DESK_CLIENT_ID

DAY = 86_400.0
BATCH = 250
# Of a hundred clients: registered and of a document, which may go; by hand and by a person, which may not.
KINDS = ("dcr",) * 90 + ("cimd",) * 6 + ("predefined",) * 2 + ("",) * 2


class Counting(Outbound):
    """Counts the requests it sends, by method."""

    sent: Counter[str]

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_bytes: int | None = None,
        began: Began | None = None,
    ) -> Answer:
        self.sent[method] += 1
        return await super().request(method, url, headers=headers, content=content, max_bytes=max_bytes, began=began)


@dataclass
class Link:
    """A client in use, with the newest token to refresh with."""

    obtained: Obtained
    token: str
    offline: bool

    @property
    def client_id(self) -> str:
        """The client that must stay."""
        return self.obtained.client.client_id

    async def refresh(self, outbound: Outbound) -> None:
        """As the client does when its token ends. Raises: OAuthRefused when the link is broken."""
        again = await oauth_steps.refresh(outbound, self.obtained.server, self.obtained.client, self.token)
        self.token = again.refresh_token or self.token


async def main(options: argparse.Namespace) -> int:
    """Measure and write. Returns 1 when a client in use was lost or an unused one stayed, else 0."""
    with running() as stack:
        linking = Outbound(ca_file=stack.ca_file, timeout=30)
        links = [
            await _link(stack, linking, at, at < options.offline) for at in range(options.offline + options.online)
        ]
        began = time.monotonic()
        kinds = _fill(stack, options.clients)
        filled = round(time.monotonic() - began, 1)
        try:
            found = await _months(stack, linking, links, options.months)
            lost = [link.client_id for link in links if not await _works(link, linking)]
        finally:
            await linking.aclose()
        kept = Counter(made_by(client) or "" for client in stack.admin.keycloak.get_clients())
    found |= {"made": dict(kinds), "filled_seconds": filled, "links": len(links), "links_lost": len(lost)}
    # Keycloak's own clients have no mark either: at least as many as were made.
    right = not lost and kept["dcr"] == len(links) and not kept["cimd"]
    right = right and kept["predefined"] == kinds["predefined"] and kept[""] >= kinds[""]
    found |= {"kept": dict(kept), "as_it_should_be": right}
    print({name: value for name, value in found.items() if name != "sweeps"})
    print(f"results: {write('clients', found, options.output)}")
    return 0 if right else 1


async def _link(stack: Stack, outbound: Outbound, number: int, offline: bool) -> Link:
    """A client that registers and links; one sign-in after the other, or Keycloak takes them for an attack."""
    scopes = (READ, "offline_access") if offline else (READ,)
    body = oauth_steps.registration_body(LOOPBACK_REDIRECT, client_name=f"In use {number}")
    got = await obtain_tokens(stack.target(*scopes), body=body, outbound=outbound)
    if got.tokens.refresh_token is None:
        raise RuntimeError("a link without a refresh token")
    return Link(got, got.tokens.refresh_token, offline)


def _fill(stack: Stack, number: int) -> Counter[str]:
    """Clients as they are after a registration or by hand, which nobody uses."""
    made = [_client(at, KINDS[at % len(KINDS)]) for at in range(number)]
    for start in range(0, number, BATCH):
        clients = made[start : start + BATCH]
        stack.admin.keycloak.partial_import_realm("mcp", {"ifResourceExists": "FAIL", "clients": clients})
    return Counter(KINDS[at % len(KINDS)] for at in range(number))


def _client(number: int, maker: str) -> dict[str, Any]:
    marks = {MADE_BY: maker, MADE_AT: stamp(time.time())} if maker else {}
    return {
        "clientId": f"https://client{number}.example/c" if maker == "cimd" else f"bench-{number}",
        "name": f"Bench {number}",
        "publicClient": True,
        "consentRequired": True,
        "redirectUris": ["http://localhost:3334/callback", "http://localhost/callback"],
        "attributes": {"pkce.code.challenge.method": "S256", **marks},
    }


async def _months(stack: Stack, linking: Outbound, links: list[Link], months: int) -> dict[str, Any]:
    """Hourly sweeps of each month, as the desk makes them, until everyone was looked at and nothing was left to do."""
    place, clock = from_state(stack.state), SystemClock()
    outbound = Counting(timeout=60.0)
    outbound.sent = Counter()
    account = ServiceAccount(
        outbound, realm_url=place.realm_url, client_id=DESK_CLIENT_ID, secret=place.secret, clock=clock
    )
    clients = KeycloakClients(outbound, account, realm_url=place.realm_url)
    start, cursor = clock.now(), Cursor()
    sweeps: list[dict[str, Any]] = []
    seconds: list[float] = []
    before, most = memory(), 0.0
    for month in range(1, months + 1):
        idle = 0
        for hour in range(720):
            outbound.sent.clear()
            now = start + month * 30 * DAY + hour * 3600
            began = time.monotonic()
            report = await sweep(clients, policy=ReapPolicy(), now=now, dry_run=False, cursor=cursor)
            seconds.append(round(time.monotonic() - began, 2))
            most = max(most, memory())
            told: dict[str, Any] = {"month": month, "hour": hour, "seconds": seconds[-1], "clients": report.clients}
            told |= {"looked_at": report.looked_at, "seen": report.seen, "removed": len(report.removed)}
            sweeps.append({**told, "requests": sum(outbound.sent.values()), "by_method": dict(outbound.sent)})
            print(sweeps[-1], file=sys.stderr, flush=True)
            for link in links:
                # Clients in use refresh now and then; a browser's session would end without.
                await link.refresh(linking)
            idle = 0 if report.seen or report.removed else idle + 1
            # Documents' clients that nobody uses stay until they are long dead, and are looked at in turn.
            if not report.unfinished or idle * ReapPolicy().notes >= report.clients:
                break
    await outbound.aclose()
    return {
        "sweeps": sweeps,
        "sweep_seconds": round(sum(seconds), 1),
        "longest_sweep_seconds": max(seconds),
        "idle_sweep": sweeps[-1],
        "mb_before": before,
        "mb_most": most,
    }


async def _works(link: Link, outbound: Outbound) -> bool:
    try:
        await link.refresh(outbound)
    except OAuthRefused as error:
        print(f"{link.client_id} (offline: {link.offline}) is lost: {error.detail}", file=sys.stderr)
        return False
    return True


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The reaper in a realm of many clients.")
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--offline", type=int, default=20, help="linked clients with an offline session")
    parser.add_argument("--online", type=int, default=5, help="linked clients with a session of a sign-in")
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(_options())))

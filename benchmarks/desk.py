"""Latency and memory of the desk: many clients with documents, the way to Keycloak's sign-in, many registrations.

``PYTHONPATH=tests/support:framework/tests/support python benchmarks/desk.py``. Everything goes through Traefik of a
native stack that is started for this; documents are served on loopback over TLS. The limits that would stop a storm from
one address are raised by their settings.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
from client_bodies import CLAUDE_CODE
from document_site import DocumentSite, serve_documents
from native import latency, memory, running, timed, write
from native_stack import READ, Stack
from wire import tls_client

from gatelodge.ops.link.oauth_types import Pkce
from gatelodge.ops.link.target import LOOPBACK_REDIRECT

MARK = {"gatelodge_client": "ready"}
BUDGET_MS = 10.0
NO_LIMIT = "1000000000"
AT_ONCE = 4


async def main(options: argparse.Namespace) -> int:
    """Measure and write. Returns 1 when the desk costs more than its budget, else 0."""
    with tempfile.TemporaryDirectory() as folder, serve_documents(Path(folder)) as site:
        limits = dict.fromkeys(
            (
                "GATELODGE_NEW_DOCUMENTS_PER_ADDRESS",
                "GATELODGE_REGISTRATIONS_PER_ADDRESS",
                "GATELODGE_REGISTRATIONS_PER_HOST",
            ),
            NO_LIMIT,
        )
        with running(**{**site.environment(), **limits}) as stack:
            async with tls_client(stack.ca_file) as http:
                found: dict[str, Any] = {"documents": await _documents(stack, site, http, options.documents)}
                found["authorize"] = await _authorize(stack, site, http, options.rounds)
                _raise_limit(stack)
                found["registrations"] = await _registrations(stack, http, options.registrations)
    for name, part in found.items():
        print(name, part)
    print(f"results: {write('desk', found, options.output)}")
    return 1 if found["authorize"]["added"]["p50"] > BUDGET_MS else 0


async def _documents(stack: Stack, site: DocumentSite, http: httpx2.AsyncClient, number: int) -> dict[str, Any]:
    """Different documents, each asked for twice: a fetch and a new client, then neither."""
    urls = [_request(stack, site.put(f"bench/{at}.json", client_name=f"Bench {at}")) for at in range(number)]
    await _expect(http, _request(stack, site.put("bench/warm-up.json")), 302)
    desk = stack.pid("desk")
    found: dict[str, Any] = {"desk_mb_before": memory(desk)}
    found["first_ms"] = latency([await _expect(http, url, 302) for url in urls])
    found["desk_mb_after"] = memory(desk)
    found["known_ms"] = latency([await _expect(http, url, 302) for url in urls])
    found["fetches"] = len(site.asked)
    found["desk_mb_after_all"] = memory(desk)
    return found


async def _authorize(stack: Stack, site: DocumentSite, http: httpx2.AsyncClient, rounds: int) -> dict[str, Any]:
    """The way to Keycloak's sign-in page through the desk and without it, in turn."""
    client_id = site.put("bench/known.json")
    through, direct = _request(stack, client_id), _request(stack, client_id, **MARK)
    # The first time makes the client.
    await _expect(http, through, 302)
    samples: dict[str, list[float]] = {"direct": [], "through": [], "desk_alone": [], "added": []}
    for number in range(-20, rounds):

        async def by_desk() -> tuple[float, float]:
            alone = await _expect(http, through, 302)
            return alone, alone + await _expect(http, direct, 200)

        if number % 2:
            (alone, whole), without = await by_desk(), await _expect(http, direct, 200)
        else:
            without, (alone, whole) = await _expect(http, direct, 200), await by_desk()
        # The first ones warm up.
        if number >= 0:
            pairs = {"direct": without, "through": whole, "desk_alone": alone, "added": whole - without}
            for name, value in pairs.items():
                samples[name].append(value)
    found: dict[str, Any] = {name: latency(values) for name, values in samples.items()}
    found["difference_of_p50"] = round(found["through"]["p50"] - found["direct"]["p50"], 2)
    found["difference_of_p95"] = round(found["through"]["p95"] - found["direct"]["p95"], 2)
    return found


async def _registrations(stack: Stack, http: httpx2.AsyncClient, number: int) -> dict[str, Any]:
    """Different registrations, some at once; then equal ones, which are answered with one client."""
    endpoint, desk = f"{stack.issuer}/clients-registrations/openid-connect", stack.pid("desk")
    found: dict[str, Any] = {"desk_mb_before": memory(desk), "at_once": AT_ONCE}
    bodies = iter([{**CLAUDE_CODE, "client_name": f"Bench {at}"} for at in range(number)])
    samples: list[float] = []

    async def work() -> None:
        while body := next(bodies, None):
            samples.append((await _register(http, endpoint, body))[0])

    took, _ = await timed(lambda: asyncio.gather(*(work() for _ in range(AT_ONCE))))
    fifth = max(2, number // 5)
    found |= {"all_ms": latency(samples), "first_fifth_ms": latency(samples[:fifth])}
    found |= {"last_fifth_ms": latency(samples[-fifth:]), "a_second": round(number / took * 1e3, 1)}
    found["desk_mb_after"] = memory(desk)
    same = {**CLAUDE_CODE, "client_name": "Equal"}
    equal = [await _register(http, endpoint, same) for _ in range(min(number, 200))]
    found["equal"] = {"clients": len({name for _, name in equal}), **latency([took for took, _ in equal])}
    return found


async def _register(http: httpx2.AsyncClient, endpoint: str, body: dict[str, Any]) -> tuple[float, str]:
    """Milliseconds, and the client that came of it. Raises: RuntimeError for another answer."""
    took, answer = await timed(lambda: http.post(endpoint, json=body))
    _check(answer, 201)
    return took, str(answer.json()["client_id"])


def _request(stack: Stack, client_id: str, **more: str) -> str:
    """An authorization request's URL."""
    pkce = Pkce.new()
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": LOOPBACK_REDIRECT,
        "scope": READ,
        "state": "s",
        "code_challenge": pkce.challenge,
        "code_challenge_method": pkce.method,
        **more,
    }
    return f"{stack.issuer}/protocol/openid-connect/auth?{urlencode(asked)}"


async def _expect(http: httpx2.AsyncClient, url: str, status: int) -> float:
    """Milliseconds of one request of a browser that has no cookie. Raises: RuntimeError for another answer."""
    http.cookies.clear()
    took, answer = await timed(lambda: http.get(url))
    _check(answer, status)
    return took


def _check(answer: httpx2.Response, status: int) -> None:
    if answer.status_code != status:
        raise RuntimeError(f"{answer.status_code} where {status} is right: {answer.text[:300]}")


def _raise_limit(stack: Stack) -> None:
    """The realm's own maximum of registered clients, which stops a storm in earnest, out of the way."""
    keycloak = stack.admin.keycloak
    for component in keycloak.get_components(
        {"type": "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"}
    ):
        if component["providerId"] == "max-clients":
            keycloak.update_component(component["id"], {**component, "config": {"max-clients": [NO_LIMIT]}})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Latency and memory of the registration desk.")
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=500, help="of the authorize path, through the desk and without")
    parser.add_argument("--registrations", type=int, default=10_000)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(_options())))

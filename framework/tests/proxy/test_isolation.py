"""Two users at once, each with a token of their own (catalogue of attacks, M11).

``GATELODGE_ISOLATED`` sets how many calls; they are made 200 at a time.
"""

import asyncio
import os
from collections import Counter

from proxy_desk import ProxyDesk
from raw_upstream import RawRequest
from results import record

AT_ONCE = 200
CALLS = int(os.environ.get("GATELODGE_ISOLATED", "200"))
OTHERS = (("GET", "/user"), ("GET", "/repos/o/r"), ("GET", "/user/orgs"), ("POST", "/repos/o/r/issues"))


async def test_a_users_token_is_never_used_for_another_in_200_calls_at_once(desk: ProxyDesk) -> None:
    users = ("alice", "bob")
    for user in users:
        await desk.link("github", user, f"canary-{user}")

    async def whose(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        content = b'{"seen": "%s"}' % request.token.removeprefix("canary-").encode()
        await asyncio.sleep(0)
        head = f"HTTP/1.1 200 OK\r\nset-cookie: s={request.token}\r\ncontent-length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        await writer.drain()

    desk.raw.otherwise = whose
    headers = {user: desk.bearer(user=user) for user in users}

    async def one(number: int) -> tuple[str, str]:
        user = users[number % 2]
        method, path = OTHERS[number // 2 % len(OTHERS)]
        body = {"body": {"title": str(number)}} if method == "POST" else {}
        response = await desk.call("github", method, path, headers=headers[user], **body)
        assert response.status_code == 200, response.text
        return user, response.json()["body"]["seen"]

    pairs, tokens = Counter[tuple[str, str]](), set[str]()
    for first in range(0, CALLS, AT_ONCE):
        pairs.update(await asyncio.gather(*map(one, range(first, min(first + AT_ONCE, CALLS)))))
        tokens.update(asked.token for asked in desk.raw.asked)
        desk.raw.asked.clear()
    assert pairs == {("alice", "alice"): CALLS // 2, ("bob", "bob"): CALLS // 2}
    assert tokens == {"canary-alice", "canary-bob"}
    record(
        13,
        "proxy, two users",
        tried=CALLS,
        passed=sum(count for (asked, seen), count in pairs.items() if asked == seen),
        figure=f"0 mix-ups, {AT_ONCE} calls at a time",
        command=f"GATELODGE_ISOLATED={CALLS} .venv/bin/pytest framework/tests/proxy/test_isolation.py",
        negative_control="with the owner and the token left out of the cache's key one user gets the other's answer",
    )

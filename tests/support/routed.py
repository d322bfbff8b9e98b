"""Providers' own hosts led to stand-ins: the addresses in the code stay as they are in production."""

from collections.abc import Callable, Mapping

import httpx2

__all__ = ["Routed"]


class Routed(httpx2.AsyncBaseTransport):
    """Sends what begins with an address to another one; what is led nowhere fails.

    ``answers`` gives whole answers by method and address: for what no stand-in has, after the stand-in had its say.
    """

    def __init__(
        self,
        routes: Mapping[str, str],
        answers: Mapping[tuple[str, str], Callable[[httpx2.Request], object]] | None = None,
    ) -> None:
        self._routes, self._answers = dict(routes), dict(answers or {})
        self._network = httpx2.AsyncHTTPTransport()
        self.asked: list[tuple[str, str, int]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The stand-in's answer."""
        address = str(request.url)
        start = next((start for start in self._routes if address.startswith(start)), None)
        answer = self._answers.get((request.method, address.partition("?")[0]))
        if start is None:
            assert answer is not None, f"nobody stands for {address}"
            return httpx2.Response(200, json=answer(request))
        body = await request.aread()
        target = httpx2.URL(self._routes[start] + address[len(start) :])
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
        sent = httpx2.Request(request.method, target, headers=headers, content=body, extensions=request.extensions)
        found = await self._network.handle_async_request(sent)
        self.asked.append((request.method, address, found.status_code))
        if answer is None or found.status_code >= 300:
            return found
        await found.aread()
        await found.aclose()
        return httpx2.Response(200, json=answer(request))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._network.aclose()

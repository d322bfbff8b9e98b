"""Readiness as others see it: a real request, a real answer."""

from gatelodge.ops.stack.process import Probe
from gatelodge.outbound.client import Outbound, UpstreamAnswerUnusable, UpstreamUnreachable

__all__ = ["all_of", "answers"]


def answers(outbound: Outbound, url: str) -> Probe:
    """A probe that says yes when a GET of ``url`` has status 200; TLS is checked as ``outbound`` does."""

    async def probe() -> bool:
        try:
            answer = await outbound.request("GET", url)
        except (UpstreamUnreachable, UpstreamAnswerUnusable):
            return False
        return answer.status == 200

    return probe


def all_of(*probes: Probe) -> Probe:
    """A probe that says yes when all do, asked in order."""

    async def probe() -> bool:
        for single in probes:
            if not await single():
                return False
        return True

    return probe

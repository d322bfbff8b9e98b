"""The page of connected accounts: there, and with the headers that keep it whole."""

from gatelodge.connections.place import Place
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem
from gatelodge.ops.verify.page_headers import page_faults

__all__ = ["CHECK"]


async def _examine(facts: Facts) -> Finding:
    place = Place(facts.mcp_url)
    if not await facts.has_accounts():
        return not_checked("this server has no pages of connected accounts")
    page = f"{place.origin}{place.accounts}"
    answer = await facts.get(page)
    if answer.status != 200:
        return problem(
            f"{page} answers {answer.status}",
            fix="The server's log says why; /health/ready names the part that is down.",
            command=f"curl -si {page}",
        )
    faults = page_faults(answer.headers, https=place.secure)
    if faults:
        return problem(
            "; ".join(faults),
            fix="The server sends these headers: what stands in front of it drops or replaces them.",
            command=f"curl -si {page}",
        )
    return healthy(f"{page} has all headers")


CHECK = Check("account-pages", "Pages of connected accounts", _examine, live=True)

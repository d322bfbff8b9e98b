"""Which Jira site a call is for: the one that is named, or the only one; never a guess among several."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from gatelodge.toolpacks.answer import records
from gatelodge.toolpacks.errors import ArgumentRefused, PackFault
from gatelodge.toolpacks.pack import PackContext
from gatelodge.toolpacks.text import WEB, identifier

__all__ = ["CLOUD_ID", "Site", "chosen", "listed"]

CLOUD_ID = r"[A-Za-z0-9-]{1,64}"
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Site:
    """A site: its cloud id and its address."""

    id: str
    url: str


async def listed(api: PackContext, tool: str) -> list[Site]:
    """The sites of the linked account."""
    found = await api.call(tool, "GET", "/oauth/token/accessible-resources")
    sites = [
        Site(identifier(entry.get("id"), CLOUD_ID), identifier(entry.get("url"), WEB))
        for entry in records({"sites": found}, "sites")
    ]
    # One site is listed once for each kind of permission.
    return list({site.id: site for site in sites if site.id}.values())


async def chosen(api: PackContext, tool: str, wanted: str | None) -> Site:
    """The site named by its id, host or address, or the only one. Raises: ArgumentRefused; PackFault, for none."""
    sites = await listed(api, tool)
    if wanted is None and len(sites) == 1:
        return sites[0]
    for site in sites:
        host = urlsplit(site.url).hostname or ""
        if wanted and wanted.lower().rstrip("/") in (site.id.lower(), site.url.lower(), host, host.split(".")[0]):
            return site
    if not sites:
        url = api.link_url(api.owner.provider)
        raise PackFault("Your linked Jira account has no site.", hint=f"Open {url} and link it again with one.")
    names = "; ".join(f"{site.id} ({site.url})" for site in sites[:_SHOWN])
    what = "Your Jira account has several sites." if wanted is None else "site is none of your Jira account's sites."
    raise ArgumentRefused(what, hint=f"Give site as one of: {names}.")

"""Which Jira site a call is for: the one that is named, or the only one; never a guess among several.

Invariant: only sites at which the user was found when the account was linked. Atlassian's own list has those of the whole
app (ID-8490), so it is not asked here.
"""

import json
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
    link = await api.details(tool)
    # The first stands beside the list, and alone in a link that has no list.
    found = [*records({"sites": json.loads(link.get("sites", "[]"))}, "sites"), link]
    sites = [
        Site(identifier(entry.get("cloud_id"), CLOUD_ID), identifier(entry.get("site_url"), WEB)) for entry in found
    ]
    by_id = dict[str, Site]()
    for site in sites:
        if site.id:
            by_id.setdefault(site.id, site)
    return list(by_id.values())


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

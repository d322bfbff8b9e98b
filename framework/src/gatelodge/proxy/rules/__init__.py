"""Allow-lists by provider, as data: what a linked account may be used for through the proxy. Deny by default.

Paths are below the provider's API base: for Jira ``/rest/api/3/...`` of the link's site, for Notion without ``/v1``.
Left out on purpose: administration, membership, keys, hooks, tokens and whatever sends data to another address.
"""

from collections.abc import Mapping

from gatelodge.proxy.rule import Rule
from gatelodge.proxy.rules import coda, github, jira, notion, slack

__all__ = ["RULES"]

RULES: Mapping[str, tuple[Rule, ...]] = {
    "coda": coda.RULES,
    "github": github.RULES,
    "jira": jira.RULES,
    "notion": notion.RULES,
    "slack": slack.RULES,
}

"""The settings of this environment, when there are any: read as a server or the desk would read them."""

from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem
from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.settings.server import ServerSettings

__all__ = ["CHECK"]


async def _examine(facts: Facts) -> Finding:
    if not {"GATELODGE_PUBLIC_URL", "GATELODGE_ISSUER"} & facts.environment.keys():
        return not_checked("no GATELODGE_PUBLIC_URL or GATELODGE_ISSUER is set here; the native stack needs none")
    try:
        settings = load(ServerSettings)
    except SettingsInvalid as error:
        lines = [line.strip() for line in error.detail.splitlines()[1:]]
        return problem("; ".join(lines), fix="Set the named variables; docs/reference/settings.md explains them.")
    if settings.public_url != facts.mcp_url:
        return problem(
            f"GATELODGE_PUBLIC_URL is {settings.public_url!r}, looked at is {facts.mcp_url!r}",
            fix="Both must be the URL that people type into their client.",
        )
    return healthy(f"the settings of {settings.public_url} are usable")


CHECK = Check("configuration", "Settings", _examine)

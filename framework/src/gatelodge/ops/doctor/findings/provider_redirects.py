"""The redirect URI to register at each provider that is set up, exact to the byte."""

from gatelodge.connections.place import Place
from gatelodge.connections.registry import PROVIDERS
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem

__all__ = ["CHECK"]


async def _examine(facts: Facts) -> Finding:
    if not await facts.has_accounts():
        return not_checked("this server has no pages of connected accounts")
    place, oauth = Place(facts.mcp_url), [name for name, one in PROVIDERS.items() if one.kind == "oauth"]
    named = [name for name in oauth if facts.environment.get(f"GATELODGE_{name.upper()}_CLIENT_ID")]
    if not named:
        return not_checked(
            "no GATELODGE_<PROVIDER>_CLIENT_ID is set here; register at a provider "
            f"{place.callback('PROVIDER')}, with its name ({', '.join(oauth)}) for PROVIDER",
        )
    bare = [name for name in named if not _has_secret(facts, name)]
    if bare:
        return problem(
            f"a client id without a secret: {', '.join(bare)}",
            fix="; ".join(f"{PROVIDERS[name].title} shows it at {PROVIDERS[name].secret_from}" for name in bare),
        )
    return healthy("; ".join(f"register at {PROVIDERS[name].title}: {place.callback(name)}" for name in named))


def _has_secret(facts: Facts, name: str) -> bool:
    variable = f"GATELODGE_{name.upper()}_CLIENT_SECRET"
    return bool(facts.environment.get(variable) or facts.environment.get(f"{variable}_FILE"))


CHECK = Check("provider-redirects", "Redirect URIs at providers", _examine, live=True)

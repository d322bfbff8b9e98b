"""Sign-in to the pages of connected accounts: the realm's client gatelodge-web knows exactly this server's address."""

from gatelodge.connections.place import Place
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem
from gatelodge.ops.realm.web import WEB_CLIENT

__all__ = ["CHECK"]

_FIX = "Write `accounts: true` into the server's file in infra/keycloak/servers, and apply."
_COMMAND = "gatelodge realm plan"


async def _examine(facts: Facts) -> Finding:
    if not await facts.has_accounts():
        return not_checked("this server has no pages of connected accounts")
    realm = await facts.realm()
    if realm is None:
        return not_checked(
            "the realm cannot be read without an administrator",
            fix="Give --keycloak-url, --admin and --admin-password-file.",
        )
    wanted = Place(facts.mcp_url).sign_in_callback
    if realm.web_redirects is None:
        return problem(f"the realm has no client {WEB_CLIENT}: nobody can sign in", fix=_FIX, command=_COMMAND)
    wide = sorted(uri for uri in realm.web_redirects if "*" in uri)
    if wide:
        return problem(
            f"{WEB_CLIENT} may send codes to {', '.join(wide)}",
            fix=f"Leave whole addresses only, such as {wanted}.",
            command=_COMMAND,
        )
    if wanted not in realm.web_redirects:
        return problem(f"{WEB_CLIENT} does not know {wanted}", fix=_FIX, command=_COMMAND)
    return healthy(f"{WEB_CLIENT} knows {wanted}")


CHECK = Check("account-sign-in", "Sign-in to connected accounts", _examine, live=True)

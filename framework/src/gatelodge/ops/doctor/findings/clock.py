"""Clock skew: tokens are dated by the issuer's clock and checked by the server's (RFC 9068, section 4)."""

from email.utils import parsedate_to_datetime

from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, not_checked, problem, warning

__all__ = ["CHECK"]

# The leeway that servers grant by default, in seconds; a Date header is whole seconds.
LEEWAY = 10.0
NOTICED = 3.0


async def _examine(facts: Facts) -> Finding:
    try:
        answer = await facts.get(f"{await facts.issuer() or facts.base}/.well-known/openid-configuration")
    except GatelodgeError as error:
        return not_checked(f"the issuer does not answer: {error.detail}")
    try:
        theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return not_checked("the issuer's answer has no Date header")
    skew = abs(theirs - facts.clock.now())
    said = f"the issuer's clock and this machine's differ by {skew:.0f} s"
    if skew <= NOTICED:
        return healthy(said)
    fix = "Set both clocks by NTP; GATELODGE_TOKEN_LEEWAY only hides a difference."
    return (problem if skew > LEEWAY else warning)(said, fix=fix, command="timedatectl set-ntp true")


CHECK = Check("clock", "Clocks agree", _examine, live=True)

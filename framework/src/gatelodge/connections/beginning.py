"""The beginning of a link: a state for this user and browser, and the provider's address that it goes to."""

import secrets

from gatelodge.connections.callers import Caller
from gatelodge.connections.errors import AccountsNotKept
from gatelodge.connections.parts import WebParts
from gatelodge.connections.provider import authorization_url
from gatelodge.connections.signin import challenge

__all__ = ["begin_link"]


async def begin_link(parts: WebParts, caller: Caller, provider: str, return_to: str | None) -> str:
    """Where the browser goes to consent.

    Raises: AccountsNotKept, ReturnRefused, LimitReached, ProviderMisconfigured, and what the database raises.
    """
    if not parts.store.keeps_accounts:
        # Before the consent: tokens that cannot be kept would stay good at the provider.
        raise AccountsNotKept(provider)
    back = parts.place.checked_return(return_to)
    if parts.limits is not None:
        await parts.limits.begun(caller.issuer, caller.subject)
    configured = parts.registry.get(provider)
    # Kept for every provider, sent to those that check it (RFC 7636).
    verifier = secrets.token_urlsafe(48)
    session = None if caller.session is None else caller.session.key
    state = await parts.states.begin(caller.owner(provider), session, back, verifier)
    return authorization_url(
        configured.provider,
        configured.config.client_id,
        redirect_uri=parts.place.callback(provider),
        state=state,
        challenge=challenge(verifier),
    )

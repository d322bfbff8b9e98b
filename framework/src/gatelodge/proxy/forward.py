"""One call through the proxy: read, matched with a rule, decided by scope, recorded, sent, answered.

Invariant: a call that changes something is recorded durably before it is sent; a read's answer is given when its event
is taken by the trail.
"""

from starlette.requests import Request
from starlette.responses import Response

from gatelodge.audit.actor import of_user
from gatelodge.audit.event import Event, Outcome, Scalar
from gatelodge.connections.api_errors import ApiLimited, ApiRefused, ApiUnavailable
from gatelodge.connections.upstream import ApiAnswer
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal
from gatelodge.proxy.answers import envelope, not_found
from gatelodge.proxy.asked import Asked, read_asked
from gatelodge.proxy.gate import scope_refusal
from gatelodge.proxy.parts import ProxyParts
from gatelodge.proxy.rule import Rule, find
from gatelodge.vault.owner import Owner

__all__ = ["Forwarder"]

# Room for method, path and query beside the body that is passed on.
_AROUND = 16_384


class Forwarder:
    """POST .../api/{provider}/proxy."""

    def __init__(self, parts: ProxyParts) -> None:
        self._parts = parts

    async def serve(self, request: Request, principal: Principal) -> Response:
        """The provider's answer in an envelope. Raises: what ``guarded`` answers."""
        provider = request.path_params["provider"]
        if provider not in self._parts.rules or not self._parts.registry.configured(provider):
            return not_found()
        actor = of_user(principal.issuer, principal.subject)
        asked = await read_asked(request, self._parts.request_bytes + _AROUND)
        try:
            rule = find(self._parts.rules, provider, asked.method, asked.path)
        except GatelodgeError:
            self._parts.recorder.count("proxy.call", "no_rule", actor, {"provider": provider})
            raise
        needed = f"{self._parts.server}:{'read' if rule.reads else 'write'}"
        refusal = scope_refusal(self._parts, principal, needed)
        if refusal is not None:
            self._parts.recorder.count("proxy.call", "scopes", actor, {"provider": provider})
            return refusal
        answer = await self._recorded(Owner(principal.issuer, principal.subject, provider), actor, rule, asked)
        return envelope(provider, answer)

    async def _recorded(self, owner: Owner, actor: str, rule: Rule, asked: Asked) -> ApiAnswer:
        about: dict[str, Scalar] = {"provider": owner.provider, "reads": rule.reads}
        form = asked.form(rule)
        if not rule.reads:
            await self._parts.trail.record(Event("proxy.call", actor, {**about, "step": "begun"}, "ok", rule.name))
        outcome: Outcome = "failed"
        status = 0
        try:
            answer = await self._parts.upstream.send(
                owner,
                owner.provider,
                asked.method,
                asked.path,
                purpose="proxy",
                query=asked.query,
                json=asked.body if form is None else None,
                form=form,
                reads=rule.reads,
            )
        except (ApiRefused, ApiLimited, ApiUnavailable) as error:
            status = error.provider_status
            raise
        else:
            outcome, status = "ok", answer.status
            return answer
        finally:
            event = Event("proxy.call", actor, {**about, "status": status}, outcome, rule.name)
            # A change is done and its beginning is recorded: an error now would make the caller repeat it.
            self._parts.trail.note(event, done=not rule.reads)

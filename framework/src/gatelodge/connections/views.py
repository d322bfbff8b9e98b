"""How one provider shows on the page of connected accounts: pure, from provider and record."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from gatelodge.connections.pages import shown
from gatelodge.connections.provider import Provider
from gatelodge.connections.reading import REASONS
from gatelodge.vault.records import Record, Status

__all__ = ["AccountView", "account_view"]

# Seconds before the end of a consent from which on the user is told of it.
_SOON = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class AccountView:
    """What the template shows; ``tone`` is its colour, ``lines`` are further sentences."""

    name: str
    title: str
    kind: Literal["oauth", "api_token"]
    linked: bool
    tone: Literal["good", "bad", "none"]
    status: str
    as_name: str
    since: str
    lines: tuple[str, ...]
    asked: bool
    offered: bool
    error: str
    token_from: str
    disconnect_at: str


def account_view(
    provider: Provider, record: Record | None, now: float, *, asked: bool = False, offered: bool = True, error: str = ""
) -> AccountView:
    """The view of a provider, with the user's record there; ``error`` is what was wrong with a token just sent.

    ``offered``: an account can be linked here at all.
    """
    good = record is not None and record.status is Status.ACTIVE and record.quarantined_at is None
    if record is None:
        tone, status = "none", "Not linked"
    else:
        tone, status = ("good", "Linked") if good else ("bad", "Needs attention")
    # Where the provider takes tokens back by itself, the user need not go there.
    elsewhere = provider.revocation is None
    return AccountView(
        name=provider.name,
        title=provider.title,
        kind=provider.kind,
        linked=record is not None,
        tone="good" if good else "none" if tone == "none" else "bad",
        status=status,
        as_name=shown(record.account_name or record.account_id) if record is not None else "",
        since=_day(record.created_at) if record is not None and record.created_at else "",
        lines=() if record is None else tuple(_lines(provider, record, now, good=good)),
        asked=asked,
        offered=offered,
        error=error,
        token_from=provider.secret_from if provider.kind == "api_token" else "",
        disconnect_at=provider.disconnect_at if elsewhere else "",
    )


def _lines(provider: Provider, record: Record, now: float, *, good: bool) -> list[str]:
    if record.quarantined_at is not None:
        return ["What is stored of it cannot be read any more. Link it again."]
    if not good:
        reason = REASONS.get(record.reason or "", "The link does not work any more.")
        return [f"{reason} Link it again to go on."]
    end = record.absolute_expires_at
    if end is not None and end - now < _SOON:
        return [f"{provider.title} ends this link on {_day(end)}. Link it again before then."]
    return []


def _day(at: float) -> str:
    day = datetime.fromtimestamp(at, UTC)
    return f"{day.day} {day:%B %Y}"

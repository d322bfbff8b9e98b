"""Only plain values of a known kind get into a trail."""

import pytest

from gatelodge.audit import actor
from gatelodge.audit.errors import EventRefused
from gatelodge.audit.event import Event
from gatelodge.core.secret import Secret


class Sly(str):
    """Text that shows as something else."""

    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        Secret("canary"),
        b"canary",
        ["canary"],
        {"canary": 1},
        1.5,
        Sly("canary"),
        object(),
        2**63,
        "x" * 1025,
        "\ud800",
        "a\x00",
    ],
)
def test_a_value_that_is_not_plain_is_refused_and_not_shown(value: object) -> None:
    with pytest.raises(EventRefused) as refused:
        Event("vault.set", "system", {"detail": value})  # type: ignore[dict-item]
    assert "canary" not in str(refused.value)
    assert "detail" in str(refused.value)


@pytest.mark.parametrize("field", ["actor", "rule", "request_id"])
def test_a_secret_in_a_field_of_its_own_is_refused(field: str) -> None:
    given = {"actor": "system", field: Secret("canary")}
    with pytest.raises(EventRefused):
        Event("vault.set", **given)  # type: ignore[arg-type]


def test_kinds_and_outcomes_are_closed_sets() -> None:
    with pytest.raises(EventRefused, match=r"audit/kinds\.py"):
        Event("vault.look", "system")
    with pytest.raises(EventRefused, match="outcome"):
        Event("vault.set", "system", outcome="perhaps")  # type: ignore[arg-type]
    with pytest.raises(EventRefused, match="actor"):
        Event("vault.set", "")
    with pytest.raises(EventRefused, match="32 details"):
        Event("vault.set", "system", {str(number): number for number in range(33)})


def test_what_was_checked_is_what_is_kept() -> None:
    details: dict[str, str | int | bool | None] = {"a": 1}
    event = Event("vault.set", "system", details)
    details["b"] = "later"
    assert event.subject == {"a": 1}


def test_a_user_is_a_digest_that_keeps_issuer_and_subject_apart() -> None:
    assert actor.of_user("https://a", "bc") == actor.of_user("https://a", "bc")
    assert (
        len({actor.of_user("ab", "c"), actor.of_user("a", "bc"), actor.of_user("a|b", "c"), actor.of_user("a", "b|c")})
        == 4
    )
    shown = actor.of_user("https://issuer", "alice")
    assert shown.startswith("user:")
    assert "alice" not in shown


def test_an_operator_is_named_without_what_a_line_could_hide() -> None:
    assert actor.of_operator("bob\nsystem") == "operator:bob_system"
    assert actor.of_service("report\nsystem") == "service:report_system"

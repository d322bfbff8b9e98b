"""A whole link with the official client, and the step each fault is pinned to."""

import logging
from typing import TYPE_CHECKING, Any

import pytest
from scripted_realm import ISSUER, PASSWORD

from gatelodge.ops.link.browser import ScriptedBrowser
from gatelodge.ops.link.report import LinkFailed, LinkReport, Step, StepTimer
from gatelodge.ops.link.session import Era, link
from gatelodge.testing.clock import ManualClock

if TYPE_CHECKING:
    from ops.link.conftest import World

STEPS = ["discovery", "registration", "sign-in", "token", "tools/list", "search", "fetch"]


async def link_in(world: "World", era: Era = "auto", browser: ScriptedBrowser | None = None) -> LinkReport:
    async with world.realm.running():
        return await link(
            world.target, era=era, browser=browser or world.browser(), transport=world.connection(), clock=ManualClock()
        )


async def failure(world: "World", era: Era = "auto", browser: ScriptedBrowser | None = None) -> LinkFailed:
    # Caught inside: the server's lifespan would wrap it into a group.
    async with world.realm.running():
        with pytest.raises(LinkFailed) as caught:
            await link(world.target, era=era, browser=browser or world.browser(), transport=world.connection())
    return caught.value


@pytest.mark.parametrize(
    ("era", "version"), [("auto", "2026-07-28"), ("modern", "2026-07-28"), ("legacy", "2025-11-25")]
)
async def test_a_client_links_in_each_era_and_reports_every_step(world: "World", era: Era, version: str) -> None:
    report = await link_in(world, era)
    assert report.protocol_version == version
    assert [name for name, _ in report.steps] == STEPS
    assert report.seconds == pytest.approx(sum(seconds for _, seconds in report.steps))
    assert report.tools == ("search", "fetch", "extra")
    assert (report.client_id, report.issuer) == ("client-1", ISSUER)
    assert set(report.scope.split()) == {"deep-research:read", "offline_access"}
    assert world.realm.registered["client-1"]["token_endpoint_auth_method"] == "none"


async def test_a_refused_registration_names_the_step_and_leaves_no_client(world: "World") -> None:
    world.realm.faults.registration = {"error": "invalid_client_metadata", "error_description": "no room"}
    failed = await failure(world)
    assert (failed.step, failed.client_id) == (Step.REGISTRATION, None)
    assert "403" in failed.detail
    assert "no room" in failed.detail
    assert "registration desk" in failed.hint


async def test_metadata_of_another_issuer_fails_the_discovery(world: "World") -> None:
    world.realm.faults.metadata_issuer = "https://login.test/realms/other"
    failed = await failure(world)
    assert failed.step is Step.DISCOVERY
    assert "issuer" in failed.detail


async def test_a_wrong_password_fails_the_sign_in_and_names_the_client_to_remove(world: "World") -> None:
    failed = await failure(world, browser=world.browser(password="wrong-one"))
    assert (failed.step, failed.client_id) == (Step.SIGN_IN, "client-1")
    assert "Invalid username or password" in failed.detail
    assert "Check the password" in failed.hint


async def test_denied_consent_fails_the_sign_in(world: "World") -> None:
    failed = await failure(world, browser=world.browser(consent=False))
    assert failed.step is Step.SIGN_IN
    assert "access_denied" in failed.found


async def test_an_answer_of_another_issuer_fails_the_sign_in(world: "World") -> None:
    world.realm.faults.iss = "https://evil.test"
    assert (await failure(world)).step is Step.SIGN_IN


async def test_a_refused_code_fails_the_token_step_with_the_servers_words(world: "World") -> None:
    world.realm.faults.token_status = 400
    world.realm.faults.token_body = {"error": "invalid_grant", "error_description": "Code not valid"}
    failed = await failure(world)
    assert failed.step is Step.TOKEN
    assert "Code not valid" in failed.found


async def test_an_unusable_token_answer_is_told_without_the_token(world: "World") -> None:
    world.realm.faults.token_body = {"access_token": ["at.secret-value"], "token_type": "Bearer"}
    failed = await failure(world)
    assert failed.step is Step.TOKEN
    assert "secret-value" not in f"{failed} {failed.detail} {failed.hint}"


async def test_a_token_without_a_scope_that_is_needed_fails_the_token_step(world: "World") -> None:
    world.realm.faults.granted_scope = "offline_access"
    failed = await failure(world)
    assert failed.step is Step.TOKEN
    assert failed.found == "a token without deep-research:read"


@pytest.mark.parametrize("era", ["auto", "legacy", "modern"])
async def test_a_token_that_the_server_refuses_fails_at_the_tools_with_its_challenge(world: "World", era: Era) -> None:
    world.realm.faults.refuse_tokens = True
    failed = await failure(world, era=era)
    assert failed.step is Step.TOOLS
    assert "/mcp: 401 Bearer" in failed.found
    assert 'error="invalid_token"' in failed.found
    assert "`aud`" in failed.hint


async def test_a_search_without_results_names_the_words_searched_for(world: "World") -> None:
    world.realm.faults.results = []
    failed = await failure(world)
    assert (failed.step, failed.found) == (Step.SEARCH, "no result for 'gatelodge'")


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"id": "d2", "title": "t", "text": "x", "url": ""}, "a document with another id than the one asked for"),
        ({"id": "d1", "title": "t"}, "a document without text, url"),
    ],
)
async def test_a_document_of_another_shape_fails_the_fetch(
    world: "World", document: dict[str, Any], found: str
) -> None:
    world.realm.faults.document = document
    failed = await failure(world)
    assert (failed.step, failed.found, failed.client_id) == (Step.FETCH, found, "client-1")


async def test_a_link_logs_neither_password_nor_token(world: "World", caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await link_in(world)
    code = next(form["code"] for _, _, form in world.realm.requests if form.get("grant_type"))
    assert PASSWORD not in caplog.text
    assert "at." not in caplog.text
    assert code not in caplog.text


def test_a_failure_says_what_was_expected_and_found_and_what_to_do() -> None:
    failed = LinkFailed(Step.TOKEN, "status 400")
    assert failed.detail == "step token: expected a Bearer token with the scopes asked for; found: status 400"
    assert failed.hint == Step.TOKEN.next_step
    assert all(step.expected and step.next_step for step in Step)


def test_a_step_that_is_entered_again_adds_up_in_its_first_place() -> None:
    clock = ManualClock()
    timer = StepTimer(clock)
    for step, seconds in [(Step.TOKEN, 1.0), (Step.TOOLS, 2.0), (Step.TOKEN, 4.0)]:
        clock.advance(seconds)
        timer.enter(step)
    clock.advance(8.0)
    assert timer.current is Step.TOKEN
    assert timer.finish() == (("discovery", 1.0), ("token", 10.0), ("tools/list", 4.0))

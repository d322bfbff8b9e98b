"""People sign in by GitHub, in a real browser through a real Keycloak: what they see, and what a token then says."""

from pathlib import Path

import pytest
from chromium import Chromium, chromium
from document_site import listening
from native_stack import READ, gatelodge
from oauth_servers import CLIENT_SECRET
from signing_in import SERVER, SignIn, asking, at_github

pytestmark = pytest.mark.stack


def consent(browser: Chromium, state_of: str) -> None:
    """Agree on Keycloak's page, and come back to the client."""
    browser.until("document.querySelector('[name=accept]')")
    browser.picture(f"{state_of} consent")
    browser.page.click("[name=accept]")
    browser.until("location.pathname === '/callback'")


def test_a_token_says_who_it_is_at_github_to_the_server_that_wants_it_and_to_no_other(
    sign_in: SignIn, tmp_path: Path
) -> None:
    stack = sign_in.stack
    with listening() as (port, targets):
        client = asking(sign_in, port)
        with chromium(tmp_path / "profile") as browser:
            browser.open(client.url(f"{SERVER}:read", "offline_access", resource=stack.status["servers"][SERVER]))
            browser.until("document.querySelector('#social-github')")
            browser.picture("1 sign in")
            browser.page.click("#social-github")
            browser.until("document.querySelector('input[value=octocat]')")
            browser.picture("2 github")
            browser.page.click("button:has-text('octocat')")
            consent(browser, "3")
            browser.open(client.url(READ, resource=stack.mcp_url))
            consent(browser, "4 another server")
            # Signed in at Keycloak already.
            browser.open(f"{sign_in.pages}/sign-in")
            browser.until("document.body.innerText.includes('Signed in as github.octocat')")
            browser.picture("5 accounts")
            browser.page.click("button:has-text('Link GitHub')")
            browser.page.click("button:has-text('octocat')")
            browser.until("document.body.innerText.includes('Unlink')")
            assert "octocat" in browser.text
            browser.picture("6 linked")
        wanted, other = (client.claims(target) for target in targets if target.startswith("/callback"))
    stack.admin.delete_client(client.client.client_id)
    assert (wanted["github_login"], wanted["preferred_username"]) == ("octocat", "github.octocat")
    assert wanted["aud"] == stack.status["servers"][SERVER]
    assert other["aud"] == stack.mcp_url
    assert "github_login" not in other


def test_the_address_of_a_local_user_opens_her_account_with_her_password_only(
    sign_in: SignIn, browser: Chromium
) -> None:
    username, password = sign_in.stack.users[0]
    browser.open(f"{sign_in.pages}/sign-in")
    browser.until("document.querySelector('#social-github')")
    at_github(browser, "countess")
    browser.until("document.body.innerText.includes('already exists')")
    assert "User with email ada@example.com already exists" in browser.text
    browser.picture("7 the address is taken")
    browser.page.click("#linkAccount")
    browser.until("document.querySelector('#password')")
    browser.picture("8 password of the account")
    browser.page.fill("#password", "a-password-of-nobody")
    browser.page.click("#kc-login")
    browser.until("document.body.innerText.includes('Invalid')")
    browser.open(sign_in.pages)
    browser.until("document.querySelector('h1')")
    assert "Signed in as" not in browser.text
    before = sign_in.user(username)
    assert before is not None
    assert (before["links"], before.get("attributes")) == ([], None)
    assert sign_in.user("github.countess") is None

    browser.open(f"{sign_in.pages}/sign-in")
    browser.until("document.querySelector('#social-github')")
    at_github(browser, "countess")
    browser.page.click("#linkAccount")
    browser.page.fill("#password", password)
    browser.page.click("#kc-login")
    browser.until(f"document.body.innerText.includes('Signed in as {username}')")
    after = sign_in.user(username)
    assert after is not None
    assert (after["links"], after["attributes"]["github_login"]) == (["countess"], ["countess"])


def test_a_login_at_github_that_is_a_name_here_gets_another_name(sign_in: SignIn, browser: Chromium) -> None:
    browser.open(f"{sign_in.pages}/sign-in")
    browser.until("document.querySelector('#social-github')")
    at_github(browser, "grace")
    browser.until("document.body.innerText.includes('Signed in as github.grace')")
    local = sign_in.user("grace")
    assert local is not None
    assert local["links"] == []


# Appended to the form of the page that asks for what GitHub did not say.
FORGED = """(fields) => {
  const form = document.querySelector('#kc-idp-review-profile-form') ?? [...document.forms].at(-1)
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement('input')
    Object.assign(input, {type: 'hidden', name, value})
    form.append(input)
  }
}"""


def test_nobody_chooses_a_login_or_a_name_at_the_first_sign_in(sign_in: SignIn, browser: Chromium) -> None:
    browser.open(f"{sign_in.pages}/sign-in")
    browser.until("document.querySelector('#social-github')")
    at_github(browser, "mononym")
    for field in ("github_login", "user.attributes.github_login", "username", None):
        browser.until("document.querySelector('#lastName')")
        assert browser.run("document.querySelector('[name=username]')") is None
        assert sign_in.user("github.mononym") is None
        browser.page.fill("#lastName", "Person")
        if field is None:
            browser.picture("9 what is missing")
        else:
            browser.page.evaluate(FORGED, {field: "chosen"})
        with browser.page.expect_navigation():
            browser.page.click("[type=submit]")
    browser.until("document.body.innerText.includes('Signed in as github.mononym')")
    made = sign_in.user("github.mononym")
    assert made is not None
    assert (made["lastName"], made["attributes"]) == ("Person", {"github_login": ["mononym"]})
    assert made["emailVerified"] is False
    assert sign_in.user("chosen") is None


def sign_in_as(browser: Chromium, user: tuple[str, str]) -> None:
    """Keycloak's own page, with a password."""
    browser.until("document.querySelector('#password')")
    browser.page.fill("#username", user[0])
    browser.page.fill("#password", user[1])
    browser.page.click("#kc-login")


def test_nobody_chooses_a_login_where_a_profile_is_asked_for(sign_in: SignIn, browser: Chromium) -> None:
    user = sign_in.stack.users[1]
    keycloak = sign_in.stack.admin.keycloak
    known = sign_in.user(user[0])
    assert known is not None
    keycloak.update_user(known["id"], {"requiredActions": ["UPDATE_PROFILE"]})
    try:
        browser.open(f"{sign_in.pages}/sign-in")
        sign_in_as(browser, user)
        browser.until("document.querySelector('#lastName')")
        browser.page.evaluate(FORGED, {"github_login": "chosen"})
        with browser.page.expect_navigation():
            browser.page.click("[type=submit]")
        browser.until("document.body.innerText.includes('This field is read only.')")
        assert "attributes" not in (sign_in.user(user[0]) or {})
    finally:
        keycloak.update_user(known["id"], {"requiredActions": []})


def test_nobody_changes_a_login_by_the_account_api(sign_in: SignIn, browser: Chromium) -> None:
    user = sign_in.stack.users[1]
    account = f"{sign_in.stack.issuer}/account/"
    browser.open(account)
    with browser.page.expect_request(lambda asked: "authorization" in asked.headers) as asked:
        sign_in_as(browser, user)
    headers = {"authorization": asked.value.headers["authorization"], "accept": "application/json"}
    forged = {"username": user[0], "email": "grace@example.com", "attributes": {"github_login": ["chosen"]}}
    assert browser.page.request.post(account, headers=headers, data=forged).status == 403
    assert "attributes" not in (sign_in.user(user[0]) or {})


def test_the_realm_is_what_its_files_and_the_variables_say(sign_in: SignIn, tmp_path: Path) -> None:
    state, given = sign_in.stack.state, sign_in.environment
    planned = gatelodge("realm", "plan", state=state, timeout=300, **given)
    assert (planned.returncode, planned.stdout.strip()) == (0, "realm mcp: nothing to do"), planned.stderr
    assert gatelodge("realm", "drift", state=state, timeout=300, **given).returncode == 0
    without = gatelodge("realm", "plan", state=state)
    assert (without.returncode, "- delete identity-provider github" in without.stdout) == (4, True), without.stdout
    unset = {name: value for name, value in given.items() if not name.endswith("_FILE")}
    missing = gatelodge("realm", "plan", state=state, timeout=300, **unset)
    assert missing.returncode != 0
    assert "GATELODGE_GITHUB_SIGNIN_CLIENT_SECRET has no secret in it" in missing.stderr
    exported = gatelodge("realm", "export", "--output", str(tmp_path / "exported"), state=state, timeout=300, **given)
    assert exported.returncode == 0, exported.stderr
    assert "github_login" in (tmp_path / "exported" / "identity-providers.yaml").read_text()
    # Keycloak's own database has to hold it.
    kept = [path for path in state.rglob("*") if path.is_file() and state / "keycloak" not in path.parents]
    assert state / "logs" / "keycloak.log" in kept
    for path in [*kept, *(tmp_path / "exported").rglob("*.yaml")]:
        assert CLIENT_SECRET.encode() not in path.read_bytes(), path

"""Nothing that git has or would take holds a secret, and a planted one of each kind is found."""

import base64
import json
import secrets
import shutil
import string
import subprocess
from pathlib import Path

import pytest

from gatelodge.core.secret import generate
from repo.scans import secret_search
from repo.scans.secret_search import KNOWN, Suspect


def test_the_history_and_the_work_tree_hold_no_secret_that_is_not_explained() -> None:
    outcome = secret_search.scan()
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert outcome.findings == ()
    assert int(outcome.looked_at.split()[0]) > 10_000


def drawn(letters: str, length: int) -> str:
    """Random characters."""
    return "".join(secrets.choice(letters) for _ in range(length))


def made_here() -> str:
    """A secret as core/secret.py makes it; of the rare ones without a capital, a small letter or a digit another."""
    while not list(secret_search.own_forms(value := generate().reveal())):
        continue
    return value


def encoded(document: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


ANY = string.ascii_letters + string.digits
# Put together here: written out, each would be found in this file.
CANARIES = {
    "AWS Access Key": ("deploy.ini", "id = AK" + "IA" + drawn(string.ascii_uppercase + string.digits, 16)),
    "GitHub Token": ("notes.txt", "use gh" + "p_" + drawn(ANY, 36)),
    "Slack Token": (
        "bot.py",
        'TOKEN = "xo' + f'xb-{drawn(string.digits, 12)}-{drawn(string.digits, 12)}-{drawn(ANY, 24)}"',
    ),
    "JSON Web Token": (
        "curl.sh",
        f"curl -H 'Authorization: Bearer {encoded({'alg': 'RS256'})}.{encoded({'sub': 'a'})}.{drawn(ANY, 43)}'",
    ),
    "Private Key": ("tls.pem", "-----BEGIN " + "PRIVATE KEY-----"),
    "Secret Keyword": ("settings.py", "pass" + 'word = "' + drawn(ANY, 6) + '9z!aQ"'),
    "Basic Auth Credentials": ("url.txt", "postgresql://app:" + drawn(ANY, 6) + "9zaQ@db.example.com/app"),
    "a generated secret, given by name": ("desk.env", "GATELODGE_DESK_SEC" + "RET=" + made_here()),
    "a generated secret alone": ("secrets/desk", made_here()),
    "a private JWK": ("jwks.json", json.dumps({"kty": "EC", "crv": "P-256", "d": drawn(ANY, 43)})),
}


def repository(folder: Path) -> Path:
    """An empty git repository."""
    git(folder, "init", "--quiet")
    (folder / "README.md").write_text("Nothing here. The password is in the vault.\n", encoding="utf-8")
    git(folder, "add", ".")
    commit(folder, "first")
    return folder


def git(folder: Path, *arguments: str) -> None:
    program = shutil.which("git")
    if program is None:
        pytest.skip("git is not installed")
    subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path, message: str) -> None:
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--allow-empty", "-m", message)


def kinds(folder: Path) -> set[tuple[str, str]]:
    return {(found.kind, found.place) for found in secret_search.search(secret_search.lines(folder))}


def test_a_planted_secret_of_each_kind_is_found_in_the_history_after_it_was_taken_out(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    assert kinds(folder) == set()
    for name, line in CANARIES.values():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{line}\n", encoding="utf-8")
    git(folder, "add", ".")
    commit(folder, "planted")
    git(folder, "rm", "--quiet", "-r", *(name for name, _ in CANARIES.values()))
    commit(folder, "taken out")
    assert not any((folder / name).exists() for name, _ in CANARIES.values())
    assert {(kind, name) for kind, (name, _) in CANARIES.items()} <= kinds(folder)


def test_a_file_that_is_not_committed_yet_and_a_commit_message_are_looked_at(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    name, line = CANARIES["GitHub Token"]
    (folder / name).write_text(line, encoding="utf-8")
    assert kinds(folder) == {("GitHub Token", name)}
    (folder / name).unlink()
    commit(folder, line)
    assert kinds(folder) == {("GitHub Token", "a commit message")}


def test_the_report_shows_the_place_and_never_the_value(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    name, line = CANARIES["a generated secret, given by name"]
    (folder / name).write_text(line, encoding="utf-8")
    findings = secret_search.scan(folder, KNOWN).findings
    assert any(finding.startswith(f"{name}: ") for finding in findings)
    assert line.partition("=")[2] not in " ".join(findings)


def test_an_explanation_holds_for_its_value_and_place_only_and_needs_a_reason() -> None:
    known = {"known": [{"reason": "an invented one, for the tests", "under": ["tests/"], "values": ["v", "gone"]}]}
    suspects = [Suspect("tests/a", "k", "v"), Suspect("src/a", "k", "v"), Suspect("tests/a", "k", "w")]
    left, faults = secret_search.unexplained(suspects, known)
    assert [str(each) for each in left] == ["src/a: k", "tests/a: k"]
    assert faults == ["known secret that is nowhere: 'gone' below ['tests/']"]
    known["known"][0]["reason"] = "ok"
    assert "without a reason" in secret_search.unexplained(suspects, known)[1][0]

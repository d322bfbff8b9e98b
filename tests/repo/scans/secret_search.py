"""Secrets in everything git has: each line of each version of each file, commit messages, and the work tree.

The detectors are those of detect-secrets, without its entropy guesses, and three of our own for the secrets that this
project makes. Invariant: a finding is known by its exact value and below the folders named in ``known_secrets.toml``, or
it is reported; the report shows where and of which kind, never the value. Not here: what running parts log or show
(``framework/tests/observability``, ``tests/e2e/docker``).
"""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detect_secrets.plugins.keyword import KeywordDetector
from detect_secrets.settings import get_plugins, transient_settings

from repo.checkout import ROOT
from repo.scans.outcome import Outcome

__all__ = ["KNOWN", "Line", "Suspect", "lines", "own_forms", "scan", "search", "unexplained"]

KNOWN = Path(__file__).with_name("known_secrets.toml")
# One line of one version of a file: where it is, and the text.
Line = tuple[str, str]
_DETECTORS = (
    "Artifactory AWSKey AzureStorageKey BasicAuth Cloudant DiscordBotToken GitHubToken GitLabToken IbmCloudIam "
    "JwtToken Keyword Mailchimp Npm OpenAI PrivateKey PypiToken SendGrid Slack SquareOAuth Stripe TelegramBotToken TwilioKey"
)
_CLASSES = {name: f"{name.removesuffix('Token')}TokenDetector" for name in ("DiscordBotToken", "TelegramBotToken")}
# What core/secret.py makes: URL-safe characters, at least 24; a file that holds one, or a variable that is set to one.
_MADE = r"[A-Za-z0-9_-]{24,64}"
_ALONE = re.compile(rf"({_MADE})")
_GIVEN = re.compile(rf"(?i)(?:secret|password|passwd|token)[\w.-]*[\"']?\s*[=:]\s*[\"']?({_MADE})(?![\w-])")
_JWK = re.compile(r"\"d\"\s*:\s*\"([A-Za-z0-9_-]{40,})\"")
# The lines of a lock, and words without which the slowest detector finds nothing.
_HASH = re.compile(r" +--hash=sha256:[0-9a-f]{64}( \\)?")
_WORDS = re.compile(r"(?i)key|pass|pwd|secret|contrase")
# What a name, a placeholder, an address or prose looks like: passed over among values that only stand beside a word
# such as "password".
_PLAIN = re.compile(r"[a-z]+([-_. ][a-z]+)*|[A-Z]+(_[A-Z]+)*|.{1,5}|.* .*|https?://[^@]*|[${<].*")
_GUESSES = frozenset({"Secret Keyword", "Basic Auth Credentials"})
_CLASS = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"[0-9]"))


@dataclass(frozen=True, slots=True)
class Suspect:
    """What looks like a secret; the value is for comparison only."""

    place: str
    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.place}: {self.kind}"


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    program = shutil.which("git")
    assert program
    command = [program, "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, cwd=root, input=given, capture_output=True, check=True).stdout


def _blobs(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every version of every file that any ref reaches, by the first path it had."""
    listed = (line.partition(" ") for line in _git(root, "rev-list", "--objects", "--all").decode().splitlines())
    paths = {name: path for name, _, path in listed if path}
    answer = _git(root, "cat-file", "--batch", given="\n".join(paths).encode())
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        name, kind, size = answer[at:end].decode().split()
        at = end + 1 + int(size) + 1
        if kind == "blob":
            yield paths[name], answer[end + 1 : at - 1]


def lines(root: Path) -> Iterator[Line]:
    """All lines that git has or would take, and the commit messages; binary files are passed over."""
    for path, content in _blobs(root):
        if b"\0" not in content:
            yield from ((path, line) for line in content.decode(errors="replace").splitlines())
    messages = _git(root, "log", "--all", "--format=%B").decode(errors="replace")
    yield from (("a commit message", line) for line in messages.splitlines())
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0")
    for name in listed:
        file = root / name
        if name and file.is_file() and b"\0" not in (content := file.read_bytes()):
            yield from ((name, line) for line in content.decode(errors="replace").splitlines())


def own_forms(line: str) -> Iterator[tuple[str, str]]:
    """Kind and value of what this project's own code would have made."""
    alone = _ALONE.fullmatch(line.strip())
    for found, kind in (
        (alone, "a generated secret alone"),
        (_GIVEN.search(line), "a generated secret, given by name"),
    ):
        if found and all(wanted.search(found[1]) for wanted in _CLASS):
            yield kind, found[1]
    if found := _JWK.search(line):
        yield "a private JWK", found[1]


def search(found: Iterable[Line]) -> list[Suspect]:
    """Everything suspicious, each value once per place and kind."""
    suspects: dict[Suspect, None] = {}
    settings = {"plugins_used": [{"name": _CLASSES.get(n, f"{n}Detector")} for n in _DETECTORS.split()]}
    with transient_settings(settings):
        detectors = list(get_plugins())
        for place, line in dict.fromkeys(found):
            if _HASH.fullmatch(line):
                continue
            worded = _WORDS.search(line) is not None
            for kind, value in own_forms(line):
                suspects[Suspect(place, kind, value)] = None
            for detector in detectors:
                if not worded and isinstance(detector, KeywordDetector):
                    continue
                for secret in detector.analyze_line(filename=place, line=line, line_number=1):
                    value = secret.secret_value or ""
                    if not (secret.type in _GUESSES and _PLAIN.fullmatch(value)):
                        suspects[Suspect(place, secret.type, value)] = None
    return list(suspects)


def unexplained(suspects: Iterable[Suspect], known: Mapping[str, Any]) -> tuple[list[Suspect], list[str]]:
    """Suspects that no entry explains, and entries that explain nothing or give no reason."""
    entries: list[Mapping[str, Any]] = known["known"]
    faults = [f"known secret without a reason: {entry}" for entry in entries if len(entry.get("reason", "")) < 20]
    met: set[tuple[int, str]] = set()
    left = []
    for suspect in suspects:
        explained = False
        for number, entry in enumerate(entries):
            if suspect.value in entry["values"] and suspect.place.startswith(tuple(entry["under"])):
                met.add((number, suspect.value))
                explained = True
        if not explained:
            left.append(suspect)
    faults += [
        f"known secret that is nowhere: {value!r} below {entry['under']}"
        for number, entry in enumerate(entries)
        for value in entry["values"]
        if (number, value) not in met
    ]
    return left, faults


def scan(root: Path = ROOT, known: Path = KNOWN) -> Outcome:
    """The whole history of a repository and its work tree."""
    if shutil.which("git") is None or not (root / ".git").exists():
        return Outcome("secrets", "nothing", skipped="this is no git checkout")
    found = list(dict.fromkeys(lines(root)))
    left, faults = unexplained(search(found), tomllib.loads(known.read_text(encoding="utf-8")))
    return Outcome("secrets", f"{len(found)} different lines of history and work tree", (*map(str, left), *faults))

"""What the documentation says can be done: its links lead somewhere, its commands exist, and it names no machine."""

import argparse
import re
import shlex
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import pytest

from gatelodge.cli.main import build_parser
from repo.checkout import ROOT, markdown_files, relative, text_files
from repo.markdown import code_blocks, command_lines, inline_code, links, sections, slugs, tables

# Written apart, so that this file does not name them.
_REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs"),
        ("npmjs", "com"),
        ("registry", "yarnpkg"),
        ("repo1", "maven"),
        ("repo", "maven"),
        ("central", "sonatype"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
        ("rubygems", "org"),
    )
]
# A home folder or a checkout of one machine. The look-behind lets through what only ends like one (URLs, patterns).
_MACHINE = re.compile(r"(?<![\w.*/])/(?:ro[o]t|hom[e]/[a-z][\w-]*|User[s]/\w+|wor[k]|tmp/[a-z]+_jobs[.\d]*)/")
_TARGET = re.compile(r"^([a-z][\w-]*):", re.MULTILINE)


def commands(program: str) -> Iterator[tuple[str, str]]:
    """(file, command line) of every call of a program in a shell block of the documentation."""
    for path, text in markdown_files().items():
        lines = (line.removeprefix(".venv/bin/") for line in command_lines(text))
        yield from ((relative(path), line) for line in lines if line.startswith(f"{program} "))


def test_relative_links_lead_to_files_and_headings_that_exist() -> None:
    faults: list[str] = []
    for path, text in markdown_files().items():
        for link in links(text):
            parts = urlsplit(link)
            # The host's own pages beside the files, in any fork.
            if parts.scheme or parts.netloc or link.startswith("../../actions/workflows/"):
                continue
            target = path.parent / unquote(parts.path) if parts.path else path
            if not target.exists():
                faults.append(f"{relative(path)}: no file {link}")
            elif parts.fragment and parts.fragment not in slugs(target.read_text(encoding="utf-8")):
                faults.append(f"{relative(path)}: no heading {link}")
    assert faults == []


def test_the_readme_leads_to_every_guide_and_reference_page() -> None:
    led = {(ROOT / urlsplit(link).path).resolve() for link in links((ROOT / "README.md").read_text(encoding="utf-8"))}
    missing = {
        relative(path)
        for path in markdown_files()
        if path.parent in {ROOT / "docs" / "guides", ROOT / "docs" / "reference"} and path not in led
    }
    assert missing == set()


def test_the_code_map_names_every_package_and_only_modules_of_app_that_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (rows,) = tables(sections(page)["Code map"])
    source = ROOT / "framework" / "src" / "gatelodge"
    packages = {path.parent.name for path in source.glob("*/__init__.py")}
    named = {name for row in rows[1:] for name in re.findall(r"(?:…|gatelodge)/([a-z_]+)/", row[0])}
    # Of what the commands do, the map has each part, and not the whole.
    assert packages - named - {"ops"} == set()
    (app,) = [row[1] for row in rows if row[0] == "`…/app/`"]
    for module in set(inline_code(app)) - {"protect()"}:
        assert (source / "app" / f"{module}.py").is_file(), module


def test_the_layers_of_the_architecture_page_are_the_contracts() -> None:
    page = sections((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))["Code map"]
    contract = (
        (ROOT / ".importlinter").read_text(encoding="utf-8").partition("layers =\n")[2].partition("exhaustive")[0]
    )
    assert code_blocks(page, "text")[0].split() == contract.split()


def test_make_commands_in_the_docs_are_targets() -> None:
    targets = set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    found = list(commands("make"))
    assert found, "the README shows make commands"
    for path, line in found:
        wanted = {word for word in shlex.split(line)[1:] if "=" not in word}
        assert wanted <= targets, f"{path}: {line}"


def test_make_targets_named_in_running_text_exist() -> None:
    targets = set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    for path, text in markdown_files().items():
        for code in inline_code(text):
            if re.fullmatch(r"make [a-z-]+", code):
                assert code.split()[1] in targets, f"{relative(path)}: {code}"


def test_gatelodge_commands_in_the_docs_parse(capsys: pytest.CaptureFixture[str]) -> None:
    found = list(commands("gatelodge"))
    assert found, "the docs show gatelodge commands"
    faults: list[str] = []
    for path, line in found:
        try:
            build_parser().parse_args(shlex.split(line)[1:])
        except SystemExit as stopped:
            if stopped.code:  # --help stops with 0
                faults.append(f"{path}: {line}\n{capsys.readouterr().err}")
    assert faults == []


def test_gatelodge_commands_named_in_running_text_exist() -> None:
    known = {
        name
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
        for name in action.choices
    }
    for path, text in markdown_files().items():
        for code in inline_code(text):
            if named := re.match(r"gatelodge ([a-z]+)", code):
                assert named[1] in known, f"{relative(path)}: {code}"


def test_no_file_names_the_host_of_a_package_registry() -> None:
    found = [
        f"{relative(path)}: {host}"
        for path, text in text_files().items()
        for host in _REGISTRIES
        if host in text.lower()
    ]
    assert found == []


def test_no_file_has_a_path_of_one_machine() -> None:
    found = [
        f"{relative(path)}:{text.count(chr(10), 0, hit.start()) + 1}: {hit[0]}"
        for path, text in text_files().items()
        for hit in _MACHINE.finditer(text)
    ]
    assert found == []

"""ruff's security rules (those of bandit) over the Python that is shipped, and a reason at every place that is excused.

Not here: the other rules and the types (``make lint``).
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from repo.checkout import ROOT, relative, text_files
from repo.scans.outcome import Outcome

__all__ = ["SHIPPED", "broken", "excused_without_reason", "scan"]

SHIPPED = (
    "framework/src",
    "sample-deep-research-mcp/src",
    "servers/toolbox-mcp/src",
    "servers/workspace-mcp/src",
    "infra",
    "scripts",
    "benchmarks",
    "deploy",
)
_EXCUSED = re.compile(r"#\s*noqa(?::\s*(?P<rules>[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*))?(?P<reason>.*)$")


def broken(folders: list[Path]) -> list[str]:
    """Violations of the security rules, and excuses of them that excuse nothing."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "json", "--select", "S,RUF100"]
    done = subprocess.run(
        [*command, *map(str, folders)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode not in {0, 1}:
        return [f"ruff failed: {done.stderr.strip()[:300]}"]
    # The other rules are not looked at here: an excuse of theirs is not unused.
    return [
        f"{Path(found['filename']).name}:{found['location']['row']}: {found['code']} {found['message']}"
        for found in json.loads(done.stdout)
        if found["code"] != "RUF100" or re.search(r"unused: .*`S\d", found["message"])
    ]


def excused_without_reason(text: str) -> Iterator[int]:
    """Lines that excuse a security rule, or all rules, and say why neither there nor in a comment just above."""
    before = ""
    for number, line in enumerate(text.splitlines(), 1):
        found = _EXCUSED.search(line)
        if found and (found["rules"] is None or re.search(r"\bS\d", found["rules"])):
            reason = len(found["reason"].strip(" -:")) > 4 or before.lstrip().startswith("#")
            if found["rules"] is None or not reason:
                yield number
        before = line


def scan() -> Outcome:
    """All shipped Python."""
    folders = [ROOT / name for name in SHIPPED if (ROOT / name).is_dir()]
    files = {
        path: text
        for path, text in text_files().items()
        if path.suffix == ".py" and any(path.is_relative_to(folder) for folder in folders)
    }
    found = broken(folders)
    found += [
        f"{relative(path)}:{number}: a security rule is excused without a reason"
        for path, text in files.items()
        for number in excused_without_reason(text)
    ]
    return Outcome("code", f"{len(files)} Python files", tuple(found))

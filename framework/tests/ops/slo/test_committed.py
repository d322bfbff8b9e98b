"""The reports in the repository: small, sound, and each number made again from its samples."""

import pytest
from slo_run import ROOT

from gatelodge.ops.slo.verify import check_folder

FOLDERS = sorted(path for path in (ROOT / "docs" / "evidence" / "slo").glob("*") if path.is_dir())


def test_there_is_a_report() -> None:
    assert FOLDERS


@pytest.mark.parametrize("name", [folder.name for folder in FOLDERS])
def test_a_committed_report_is_sound_and_small(name: str) -> None:
    folder = ROOT / "docs" / "evidence" / "slo" / name
    assert check_folder(folder) == []
    assert sum(path.stat().st_size for path in folder.iterdir()) < 300_000

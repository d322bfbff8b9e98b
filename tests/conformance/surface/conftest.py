"""Puts ``tests/`` on the import path: the tests of this folder share modules with the other folders of this kind."""

import sys
from pathlib import Path

_TESTS = str(Path(__file__).resolve().parents[2])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)

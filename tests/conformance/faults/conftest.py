"""Puts ``tests/`` on the import path; the databases of the framework's own tests."""

import sys
from pathlib import Path

from databases import postgres

_TESTS = str(Path(__file__).resolve().parents[2])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)

__all__ = ["postgres"]

"""The programs of infra/compose, which are in no package, as modules."""

import importlib.util
from functools import cache
from types import ModuleType

from repo.checkout import ROOT

__all__ = ["prepare"]


@cache
def prepare() -> ModuleType:
    """infra/compose/prepare.py, with its functions."""
    spec = importlib.util.spec_from_file_location("prepare", ROOT / "infra" / "compose" / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""The application: settings read, tools made, and protected."""

from gatelodge import load_settings, protect
from toolbox import PACKS
from toolbox.server import toolbox
from toolbox.settings import ToolboxSettings

__all__ = ["app"]

app = protect(toolbox(load_settings(ToolboxSettings)), packs=PACKS)

"""The page: Gradio components and the plain functions behind them. There is no science in here."""

from ui.page import build, launch
from ui.server import leave, serve
from ui.settings import Settings, read_settings

__all__ = ["Settings", "build", "launch", "leave", "read_settings", "serve"]

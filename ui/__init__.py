"""The page: Gradio components and the plain functions behind them. There is no science in here."""

from ui.host.settings import Settings, read_settings
from ui.layout import build, launch
from ui.server import leave, serve

__all__ = ["Settings", "build", "launch", "leave", "read_settings", "serve"]

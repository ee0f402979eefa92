"""The page: Gradio components and the plain functions behind them. There is no science in here."""

from ui.page import build, launch
from ui.settings import Settings

__all__ = ["Settings", "build", "launch"]

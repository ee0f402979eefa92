"""Every sentence of the lens; the report says the same."""

from __future__ import annotations

from analysis.report.messages import GRADES, LENS, PANELS

__all__ = ["GRADES", "LENS", "PANELS", "TAB"]

TAB = "Lens"

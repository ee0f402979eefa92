"""Hand a file to the visitor's browser as a download."""

from __future__ import annotations

SAVE_FILE = """(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = file.url;
  link.download = file.orig_name;
  link.click();
}"""
"""What the browser runs after an event whose output is a hidden ``gr.File``."""

"""The example photographs that come with the page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from ui.messages import page as text

ASSETS = Path(__file__).parents[2] / "assets"
FOLDER = ASSETS / "examples"
THUMBNAIL_SIZE = (152, 114)


@dataclass(frozen=True)
class Example:
    """One photograph: file name, what to call it, what it shows, and whom to credit."""

    name: str
    title: str
    alt: str
    credit: str

    @property
    def path(self) -> Path:
        """Where the file is."""
        return FOLDER / self.name

    def thumbnail(self) -> str:
        """Return a small cropped copy as a data URL."""
        with Image.open(self.path) as image:
            small = ImageOps.fit(image, THUMBNAIL_SIZE, Image.Resampling.LANCZOS)
        file = io.BytesIO()
        small.save(file, "JPEG", quality=80)
        return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


EXAMPLES: dict[str, Example] = {
    name: Example(name, *words) for name, words in text.EXAMPLES.items()
}
"""The examples by file name, in the order of the page; the page opens with the first."""

"""A folder that any static host serves: an index with thumbnails and a report per picture."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image, ImageOps

from analysis.core.activation_cache import trace
from analysis.core.progress import Progress, Work
from analysis.report.embedded import asset
from analysis.report.page import Caption, report_html
from analysis.report.template import fill
from uniformer.authorship import MARK, of_others
from uniformer.errors import hits_all, none_of, reason_of, stopped
from uniformer.files import file_names, replace_file, shown
from uniformer.pictures import open_picture
from uniformer.predict import segment
from uniformer.segmentation import Segmentation
from uniformer.segmenter import Segmenter

TITLE = "UniFormer Lens"
SAYS = "Pictures labelled by UniFormer: open one and point at a pixel to see why."
THUMBNAIL_SIZE = (480, 320)
NAMED_CLASSES = 3


@dataclass(frozen=True)
class Site:
    """The files of a site, ``index`` to be opened first.

    ``left_out`` says for each photo without a page why it has none.
    """

    index: Path
    pages: tuple[Path, ...]
    left_out: tuple[str, ...] = ()


def publish(
    model: Segmenter, photos: Sequence[Path], folder: Path, *, short_side: int | None = None
) -> Work[Site]:
    """Write ``folder``/index.html with a page per photo; yield progress, and return the site.

    Pages are named after the photos and link to nothing outside the folder. Files of the same name
    are replaced, each only when it is complete, the index last. A photo that cannot be used is left
    out, and the site says so. Raises ``ValueError`` where no photo can be used, and where writing
    fails in a way that all of them would meet, and ``OSError``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if of_others(folder, "index", ("html",)):
        raise ValueError(f"{folder / 'index.html'} was not written here: choose another folder.")
    # A photo called index would overwrite the index.
    names = file_names(
        [Path("index"), *photos], lambda name: bool(of_others(folder, name, ("html", "jpg")))
    )[1:]
    pages: list[Path] = []
    cards: list[str] = []
    left_out: list[str] = []
    for done, (photo, name) in enumerate(zip(photos, names, strict=True)):
        yield Progress(done, len(photos))
        try:
            picture = open_picture(photo)
            result = segment(picture, model, short_side=short_side)
            traced = trace(model, picture, short_side=short_side)
            page = report_html(result, traced, Caption(_title(photo)), home="index.html")
            file = _write(folder / f"{name}.html", page.encode())
            _write(folder / f"{name}.jpg", _thumbnail(result))
        except Exception as error:  # whatever one photo does, the others have their pages
            if hits_all(error):
                raise stopped(error) from error
            left_out.append(f"{shown(photo)}: {reason_of(error)}")
            continue
        pages.append(file)
        cards.append(_card(name, _title(photo), result))
    if left_out and not pages:
        raise ValueError(left_out[0] if len(photos) == 1 else none_of(len(photos), left_out[0]))
    yield Progress(len(photos), len(photos))
    values = {
        "title": TITLE,
        "says": SAYS,
        "styles": asset("report.css"),
        "cards": "\n".join(cards),
        "facts": f"{model.config.name} · {model.weights.note}",
    }
    index = fill(asset("site.html"), values)
    return Site(_write(folder / "index.html", index.encode()), tuple(pages), tuple(left_out))


def _title(photo: Path) -> str:
    return photo.stem.replace("_", " ")


def _card(name: str, title: str, result: Segmentation) -> str:
    """Return an entry of the index: thumbnail, title and the largest classes."""
    classes = ", ".join(
        f"{row.name} {100 * row.share:.0f} %" for row in result.table()[:NAMED_CLASSES]
    )
    return (
        f'<li><a href="{quote(name)}.html"><img src="{quote(name)}.jpg" alt="" loading="lazy">'
        f"<b>{html.escape(title)}</b><span>{html.escape(classes)}</span></a></li>"
    )


def _thumbnail(result: Segmentation) -> bytes:
    file = io.BytesIO()
    small = ImageOps.fit(result.overlay(0.45), THUMBNAIL_SIZE, Image.Resampling.LANCZOS)
    small.save(file, "JPEG", quality=85, comment=MARK.encode())
    return file.getvalue()


def _write(target: Path, content: bytes) -> Path:
    return replace_file(target, lambda file: file.write(content))

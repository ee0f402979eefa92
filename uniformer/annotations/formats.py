"""Which formats there are, and the folder that each has to itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from uniformer.annotations.coco import write_coco, write_panoptic
from uniformer.annotations.cvat import write_cvat
from uniformer.annotations.geojson import write_geojson
from uniformer.annotations.label_studio import write_label_studio
from uniformer.annotations.labelme import write_labelme
from uniformer.annotations.objects import LabelledPicture
from uniformer.authorship import written_here
from uniformer.classes import ClassSet

FORMATS: dict[str, Callable[[Sequence[LabelledPicture], ClassSet, Path], list[Path]]] = {
    "coco": write_coco,
    "coco-panoptic": write_panoptic,
    "labelme": write_labelme,
    "label-studio": write_label_studio,
    "cvat": write_cvat,
    "geojson": write_geojson,
}


def write_annotations(
    name: str, pictures: Sequence[LabelledPicture], classes: ClassSet, folder: str | Path
) -> list[Path]:
    """Write what is labelled in ``pictures`` into ``folder`` as one of ``FORMATS``.

    Returns the files. Those of an earlier run that are not among them are removed. Raises
    ``ValueError`` for an unknown format, for no pictures, and as :func:`check_folder`, and
    ``OSError`` where nothing can be written.
    """
    folder = Path(folder)
    if name not in FORMATS:
        raise ValueError(f"There is no format {name!r}: choose one of {', '.join(FORMATS)}.")
    if not pictures:
        raise ValueError("There are no labelled pictures to write.")
    check_folder(folder)
    before = _files(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = FORMATS[name](pictures, classes, folder)
    for file in before - set(written):
        file.unlink()
    return written


def check_folder(folder: Path) -> None:
    """Raise ``ValueError`` where a folder for annotations has files of others.

    Annotations that a person went on with are such: the tool has saved them as its own.
    """
    for file in sorted(_files(folder)):
        if not written_here(file):
            raise ValueError(
                f"{file} was not written by this program, or was changed since: move it elsewhere "
                "or choose another folder."
            )


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}

"""Tasks for Label Studio with predictions to start from, painted with a brush.

Sources: labelstud.io, "Import pre-annotated data into Label Studio" and "Brush mask format".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from uniformer.annotations.objects import (
    ClassObject,
    LabelledPicture,
    names_below_one_folder,
    objects_in,
)
from uniformer.annotations.runs import brush_bytes
from uniformer.annotations.streams import write_list
from uniformer.authorship import MARK
from uniformer.classes import ClassSet
from uniformer.files import replace_file

IMAGE, LABELS = "image", "classes"
"""What picture and classes are called in the labelling interface and, so, in every result."""

LOCAL_FILES = "/data/local-files/?d="
"""How Label Studio names files of a folder that it is let into."""


def write_label_studio(
    pictures: Sequence[LabelledPicture], classes: ClassSet, folder: Path
) -> list[Path]:
    """Write ``tasks.json`` to import, and ``interface.xml``, the labelling interface it needs."""
    tasks, interface = folder / "tasks.json", folder / "interface.xml"
    return [
        replace_file(tasks, lambda file: write_list(file, _tasks(pictures, classes))),
        replace_file(interface, lambda file: file.write(_interface(classes))),
    ]


def _tasks(pictures: Sequence[LabelledPicture], classes: ClassSet) -> Iterator[dict[str, Any]]:
    for picture, name in zip(pictures, names_below_one_folder(pictures), strict=True):
        found = objects_in(picture.labels(), len(classes))
        results = [_result(picture, each, classes.names[each.index]) for each in found]
        yield {
            "data": {"generator": MARK, IMAGE: LOCAL_FILES + name},
            "predictions": [{"model_version": MARK, "result": results}],
        }


def _result(picture: LabelledPicture, found: ClassObject, name: str) -> dict[str, Any]:
    mask = found.full_mask(picture.height, picture.width)
    result = {
        "id": f"class{found.index}",
        "type": "brushlabels",
        "from_name": LABELS,
        "to_name": IMAGE,
        "original_width": picture.width,
        "original_height": picture.height,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": brush_bytes(mask), "brushlabels": [name]},
    }
    if found.index in picture.confidence:
        result["score"] = round(picture.confidence[found.index], 4)
    return result


def _interface(classes: ClassSet) -> bytes:
    view = ElementTree.Element("View")
    view.append(ElementTree.Comment(f" {MARK} "))
    ElementTree.SubElement(view, "Image", name=IMAGE, value=f"${IMAGE}", zoom="true")
    labels = ElementTree.SubElement(view, "BrushLabels", name=LABELS, toName=IMAGE)
    for name, color in zip(classes.names, classes.colors, strict=True):
        ElementTree.SubElement(labels, "Label", value=name, background=color)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="utf-8")

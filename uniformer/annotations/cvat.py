"""XML of CVAT ("CVAT for images 1.1", docs.cvat.ai), a mask per class and picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import Comment, Element, SubElement, tostring

from uniformer.annotations.objects import LabelledPicture, names_below_one_folder, objects_in
from uniformer.annotations.runs import run_lengths
from uniformer.authorship import MARK
from uniformer.classes import ClassSet
from uniformer.files import replace_file


def write_cvat(pictures: Sequence[LabelledPicture], classes: ClassSet, folder: Path) -> list[Path]:
    """Write ``annotations.xml``; the task it is uploaded to needs labels of these names."""

    def write(file: BinaryIO) -> None:
        file.write(b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n')
        for part in (Comment(f" {MARK} "), _text("version", "1.1"), _meta(classes)):
            file.write(tostring(part, encoding="utf-8", xml_declaration=False) + b"\n")
        names = names_below_one_folder(pictures)
        for number, (picture, name) in enumerate(zip(pictures, names, strict=True)):
            image = _image(picture, number, name, classes)
            file.write(tostring(image, encoding="utf-8", xml_declaration=False) + b"\n")
        file.write(b"</annotations>\n")

    return [replace_file(folder / "annotations.xml", write)]


def _image(picture: LabelledPicture, number: int, name: str, classes: ClassSet) -> Element:
    width, height = str(picture.width), str(picture.height)
    image = Element("image", id=str(number), name=name, width=width, height=height)
    for found in objects_in(picture.labels(), len(classes)):
        left, top, width, height = map(str, found.box)
        SubElement(
            image,
            "mask",
            label=classes.names[found.index],
            source="auto",
            occluded="0",
            rle=", ".join(map(str, run_lengths(found.mask))),
            left=left,
            top=top,
            width=width,
            height=height,
            z_order="0",
        )
    return image


def _meta(classes: ClassSet) -> Element:
    meta = Element("meta")
    labels = SubElement(SubElement(meta, "task"), "labels")
    for name, color in zip(classes.names, classes.colors, strict=True):
        label = SubElement(labels, "label")
        label.extend([_text("name", name), _text("color", color), _text("type", "mask")])
    return meta


def _text(tag: str, text: str) -> Element:
    element = Element(tag)
    element.text = text
    return element

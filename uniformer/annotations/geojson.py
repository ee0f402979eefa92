"""GeoJSON (RFC 7946), a file per picture, for QuPath, QGIS, shapely and the like.

Coordinates are pixels, not degrees: x to the right and y down from the upper left corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uniformer.annotations.objects import ClassObject, LabelledPicture, objects_in
from uniformer.annotations.polygons import polygons_of
from uniformer.annotations.streams import write_object
from uniformer.classes import ClassSet
from uniformer.files import replace_file


def write_geojson(
    pictures: Sequence[LabelledPicture], classes: ClassSet, folder: Path
) -> list[Path]:
    """Write ``NAME.geojson`` for each picture: a feature per class, along the edges of pixels."""
    return [_write(picture, classes, folder) for picture in pictures]


def _write(picture: LabelledPicture, classes: ClassSet, folder: Path) -> Path:
    found = objects_in(picture.labels(), len(classes))
    features = (_feature(picture, each, classes) for each in found)
    members = {"type": "FeatureCollection", "features": features}
    target = folder / f"{picture.stem}.geojson"
    return replace_file(target, lambda file: write_object(file, members))


def _feature(picture: LabelledPicture, found: ClassObject, classes: ClassSet) -> dict[str, Any]:
    properties = {
        "objectType": "annotation",  # this and classification are what QuPath reads
        "classification": {
            "name": classes.names[found.index],
            "color": classes.palette[found.index].tolist(),
        },
        "class_index": found.index,
        "pixels": found.area,
    }
    if found.index in picture.confidence:
        properties["mean_confidence"] = round(picture.confidence[found.index], 4)
    polygons = polygons_of(found.mask, found.left, found.top)
    geometry = {"type": "MultiPolygon", "coordinates": polygons}
    return {"type": "Feature", "geometry": geometry, "properties": properties}

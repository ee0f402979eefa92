"""Labels as files of annotation tools and data sets: COCO, LabelMe, Label Studio, CVAT, GeoJSON.

A segmentation knows classes and no individuals, so everywhere a class of a picture is one object.
Every format holds it exactly, holes and single pixels too.
"""

from uniformer.annotations.folders import labelled_pictures
from uniformer.annotations.formats import FORMATS, check_folder, write_annotations
from uniformer.annotations.objects import LabelledPicture

__all__ = [
    "FORMATS",
    "LabelledPicture",
    "check_folder",
    "labelled_pictures",
    "write_annotations",
]

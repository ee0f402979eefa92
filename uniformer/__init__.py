"""UniFormer semantic segmentation: the official models, exact, without mmcv."""

from uniformer.classify import Classification, classify
from uniformer.factory import create_model, list_classifiers, list_models
from uniformer.fast import optimize_for_inference
from uniformer.pictures import open_picture
from uniformer.predict import segment
from uniformer.segmentation import Segmentation

__all__ = [
    "Classification",
    "Segmentation",
    "classify",
    "create_model",
    "list_classifiers",
    "list_models",
    "open_picture",
    "optimize_for_inference",
    "segment",
]

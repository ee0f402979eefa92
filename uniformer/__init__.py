"""UniFormer semantic segmentation: the official models, exact, without mmcv."""

from uniformer import threads  # noqa: F401 - first: OpenMP reads it as PyTorch comes in
from uniformer.classify import Classification, classify
from uniformer.engines import optimize_for_inference
from uniformer.export import export_onnx
from uniformer.factory import create_model, list_classifiers, list_models
from uniformer.pictures import open_picture
from uniformer.predict import segment
from uniformer.segmentation import Segmentation

__all__ = [
    "Classification",
    "Segmentation",
    "classify",
    "create_model",
    "export_onnx",
    "list_classifiers",
    "list_models",
    "open_picture",
    "optimize_for_inference",
    "segment",
]

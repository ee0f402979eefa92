"""UniFormer semantic segmentation: every official model, exact, without mmcv."""

from uniformer.factory import create_model, list_models

__all__ = ["create_model", "list_models"]

"""Save models as folders, share them on the Hugging Face Hub, and load them from either.

The layout is the Hub's own: ``config.json``, ``model.safetensors`` and a card, ``README.md``, whose
metadata has the scores that are known for exactly these weights. Transport is left to
huggingface_hub's mixin.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from huggingface_hub import (
    EvalResult,
    ModelCard,
    ModelCardData,
    ModelHubMixin,
    constants,
    hf_hub_download,
)
from safetensors.torch import save
from torch import nn

from uniformer.classes import ClassSet
from uniformer.config import ModelConfig, Reach
from uniformer.files import replace_files

if TYPE_CHECKING:
    from uniformer.segmenter import WeightsRecord

LIBRARY = "uniformer-lens"
PAPER = "https://arxiv.org/abs/2201.09450"

_BODY = """
# {model}

A UniFormer ([arXiv 2201.09450]({paper})) with {classes} classes, reach of stage 3: {reach}.
{note}

```python
from uniformer.segmenter import Segmenter

model = Segmenter.from_pretrained("...")   # this folder or repository
```
"""


class Pretrained(nn.Module, ModelHubMixin):
    """Gives a model ``from_pretrained``, ``save_pretrained`` and ``push_to_hub``."""

    config: ModelConfig
    classes: ClassSet
    weights: WeightsRecord
    reach: Reach
    window_size: int
    optimized: bool

    def save_pretrained(
        self,
        save_directory: str | Path,
        *,
        push_to_hub: bool = False,
        repo_id: str | None = None,
        **options: Any,
    ) -> str | None:
        """Write the model to a folder; options as huggingface_hub's mixin has them.

        What this wrote there before is replaced, a card excepted, and stays as it is until all
        files are whole. Raises ``ValueError`` for a folder with another library's model, and for an
        optimized model, and ``OSError`` when a file cannot be written.
        """
        folder = Path(save_directory)
        config, weights = folder / constants.CONFIG_NAME, folder / constants.SAFETENSORS_SINGLE_FILE
        for file in (config, weights):
            if file.exists() and not _is_ours(config):
                raise ValueError(f"{file} is another program's: choose another folder.")
        if self.optimized:
            raise ValueError("Save the model that optimize_for_inference was given, not its form.")
        # The mixin's own way would take the old config.json away before the weights are written.
        contents = {weights: self._weights_file(), config: self._config_file()}
        card = folder / constants.REPOCARD_NAME
        if not card.exists():
            contents[card] = str(self.generate_model_card()).encode()
        folder.mkdir(parents=True, exist_ok=True)
        replace_files({file: partial(_write, content) for file, content in contents.items()})
        if not push_to_hub:
            return None
        return self.push_to_hub(repo_id or folder.name, **options)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> Self:
        """Return the model in a folder or a Hub repository ``owner/name``, in eval mode.

        Options, as ``revision``, ``token``, ``cache_dir``, are those of huggingface_hub's mixin.
        Raises :class:`uniformer.weights.WeightsError` when the model cannot be had or is damaged.
        """
        from uniformer.weights import WeightsError, reason_of_hub  # which needs segmenters

        source = pretrained_model_name_or_path
        try:
            return super().from_pretrained(source, **options)
        except WeightsError:
            raise
        except Exception as error:  # which transport raises differs between versions
            raise WeightsError(
                f"{source} cannot be loaded as a folder or Hub repository: {reason_of_hub(error)}."
            ) from error

    def _weights_file(self) -> bytes:
        state = {name: value.cpu().contiguous() for name, value in self.state_dict().items()}
        return save(state, metadata={"format": "pt"})

    def _config_file(self) -> bytes:
        config = {
            "library_name": LIBRARY,
            "model": self.config.name,
            "reach": self.reach,
            "window_size": self.window_size,
            "id2label": dict(enumerate(self.classes.names)),
            "colors": self.classes.colors,
            "weights": asdict(self.weights),
        }
        return json.dumps(config, indent=2).encode()

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        config: dict[str, Any] | None = None,
        **model_kwargs: Any,
    ) -> Self:
        from uniformer.factory import model_of_config  # which makes segmenters

        if model_kwargs:
            raise ValueError(f"there is no option {', '.join(model_kwargs)}")
        if config is None:
            raise FileNotFoundError(f"it has no {constants.CONFIG_NAME}")
        name, folder = constants.SAFETENSORS_SINGLE_FILE, Path(model_id)
        if folder.is_dir():
            path = folder / name
        else:
            path = Path(
                hf_hub_download(
                    model_id,
                    name,
                    revision=revision,
                    cache_dir=cache_dir,
                    force_download=force_download,
                    local_files_only=local_files_only,
                    token=token,
                )
            )
        model = model_of_config(config, path)
        if not isinstance(model, cls):
            raise ValueError(f"it is a {type(model).__name__}, not a {cls.__name__}")
        if model.weights.trained:
            source = model_id if folder.is_dir() or revision is None else f"{model_id}@{revision}"
            model.weights = replace(model.weights, source=source)
        return model

    def generate_model_card(self, *args: Any, **options: Any) -> ModelCard:
        """Return the card; its ``model-index`` has scores where the weights' own card has them."""
        from uniformer.weights import known_scores  # which needs segmenters

        segments = hasattr(self, "decode_head")
        task = "image-segmentation" if segments else "image-classification"
        results = [
            EvalResult(
                task_type=task,
                dataset_type=f"{self.config.name}-{split}",
                dataset_name=f"{split} pictures of {self.config.name} ({scores['pictures']})",
                dataset_split=split,
                metric_type=metric,
                metric_name=title,
                metric_value=scores[metric],
            )
            for split, scores in known_scores(self).items()
            for metric, title in (("miou", "mean IoU"), ("accuracy", "pixel accuracy"))
        ]
        data = ModelCardData(
            library_name=LIBRARY,
            pipeline_tag=task,
            tags=["uniformer", "arxiv:2201.09450", "pytorch_model_hub_mixin", "model_hub_mixin"],
            model_name=self.config.name if results else None,
            eval_results=results or None,
        )
        body = _BODY.format(
            model=self.config.name,
            paper=PAPER,
            classes=len(self.classes),
            reach=self.reach,
            note=self.weights.note,
        )
        return ModelCard(f"---\n{data.to_yaml()}\n---\n{body}")


def _write(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def _is_ours(config: Path) -> bool:
    try:
        return json.loads(config.read_text(encoding="utf-8")).get("library_name") == LIBRARY
    except (OSError, ValueError, AttributeError):
        return False

"""The loop: batches in, averaged weights out, with a checkpoint to go on from at any time."""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.architectures import build_form
from training.batches import Batches, TrainingBatch
from training.config import RecipeError, RunConfig
from training.data import Sample
from training.distill import FeatureLoss, Teacher
from training.ema import Averaged
from training.journal import TrainingLog
from training.losses import partial_cross_entropy, resize_logits
from training.parallel import average_gradients, rank, world_size
from training.precision import keep_depthwise_in_float32
from training.sampling import class_weights
from training.validate import validate
from training.vocabulary import COARSE, EVERYDAY, coarse_of_everyday
from uniformer.checkpoint import read_state_dict
from uniformer.classes import ClassSet
from uniformer.factory import create_model, find_config
from uniformer.files import replace_file
from uniformer.metrics import score
from uniformer.preprocess import MEAN, STD
from uniformer.weights import load_state

CHECKPOINT = "checkpoint.pt"
CLASSIFIER = "decode_head.conv_seg."
LOSSES = ("loss", "segment", "distil", "cosine")
REACH = 1_000_000
"""Keeps the draw of a step's reach apart from that of its examples."""


class Trainer:
    """A run in ``folder``, which goes on from ``folder/checkpoint.pt`` when there is one.

    Raises :class:`~training.config.RecipeError` when that belongs to another recipe; ``steps``
    alone may differ, which bends the rest of the learning rate's curve.
    """

    def __init__(
        self,
        config: RunConfig,
        classes: ClassSet,
        members: np.ndarray,
        train: Sequence[Sample],
        validation: Sequence[Sample],
        folder: Path,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.folder = folder
        self.validation = validation
        self.batches = Batches(train, classes, config)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        weights = class_weights(self.batches.sampler.pixels)
        self.class_weights = torch.from_numpy(weights).to(self.device)
        self.members = torch.from_numpy(members).to(self.device)
        model_config = replace(find_config(config.model), drop_path_rate=config.drop_path_rate)
        self.model = build_form(config.form, model_config, classes)
        self.model.to(self.device, memory_format=torch.channels_last)
        self.feature_loss = FeatureLoss(model_config.backbone.dims).to(self.device)
        if config.init is not None:
            self._start_from(config.init)
        self.teacher = Teacher(self.device) if config.distil_weight > 0 else None
        self.averaged = Averaged(self.model, config.ema_decay)
        keep_depthwise_in_float32(self.model)
        self.optimizer = make_optimizer([self.model, self.feature_loss], config)
        self.done = 0
        self.pictures = 0
        self.cpu_seconds = 0.0
        if (folder / CHECKPOINT).exists():
            self._resume()

    def _start_from(self, init: str) -> None:
        """Fill the model from ``init``; a classifier for other classes is left out."""
        if init == "default":
            bundled = create_model(self.config.model)
            state = bundled.state_dict()
            if bundled.classes.names != self.model.classes.names:
                # Classes of one's own may be as many, and are others all the same.
                own = self.model.state_dict()
                state |= {name: own[name] for name in state if name.startswith(CLASSIFIER)}
        elif Path(init).is_dir():
            run = read_checkpoint(Path(init))
            state = run["averaged"]
            self.feature_loss.load_state_dict(run["feature_loss"])
        else:
            state = read_state_dict(init)
        own = self.model.state_dict()
        for name in state.keys() & {CLASSIFIER + "weight", CLASSIFIER + "bias"}:
            if state[name].shape == own[name].shape:
                continue
            finer = len(state[name]) == len(COARSE) and self.model.classes.names == EVERYDAY
            # A class starts as the coarse class it belongs to.
            rows = torch.from_numpy(coarse_of_everyday(indoors=True)).long()
            state[name] = state[name][rows] if finer else own[name]
        load_state(self.model, state, init)

    def run(self) -> None:
        """Take the steps that are left; the process of rank 0 keeps the log and checkpoints."""
        journal = TrainingLog(self.folder, self.done)
        sums, start, pictures = torch.zeros(len(LOSSES)), time.monotonic(), self.pictures
        while self.done < self.config.steps:
            sums += self.step(self.batches[self.done])
            if rank() > 0 or not self._is_due(self.config.log_every):
                continue
            speed = (self.pictures - pictures) / (time.monotonic() - start)
            steps = self.done % self.config.log_every or self.config.log_every
            self._report(journal, sums / steps, speed)
            sums, start, pictures = torch.zeros(len(LOSSES)), time.monotonic(), self.pictures

    def _report(self, journal: TrainingLog, losses: Tensor, speed: float) -> None:
        """Log an interval, and validate and save when that is due."""
        config = self.config
        row = {
            "step": self.done,
            "pictures": self.pictures,
            "learning_rate": learning_rate(self.done - 1, config),
            "pictures_per_second": speed,
            "cpu_seconds": self.cpu_seconds,
            **dict(zip(LOSSES, losses.tolist(), strict=True)),
        }
        if config.segment_weight > 0 and self._is_due(config.validate_every):
            limit = None if self.done == config.steps else config.validation_pictures
            scores = score(validate(self.averaged.model, self.validation, limit))
            row |= {"val_miou": scores.miou, "val_accuracy": scores.aacc}
        journal.add(**row)
        print(", ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
        if self._is_due(config.checkpoint_every):
            self.save()
        if self._is_due(config.validate_every):
            journal.draw()

    def step(self, batch: TrainingBatch) -> Tensor:
        """Take one step and return its ``LOSSES``.

        What is random in it follows from the seed and the number of the step alone.
        """
        config, begin = self.config, time.process_time()
        torch.manual_seed(hash((config.seed, self.done, rank())))
        self._draw_reach()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.done, config)
        self.model.train()
        loss, segment, distil, cosine = self._losses(batch.to(self.device))
        if not loss.isfinite():
            raise FloatingPointError(f"The loss is {loss.item()} at step {self.done}.")
        self.optimizer.zero_grad()
        loss.backward()
        average_gradients([*self.model.parameters(), *self.feature_loss.parameters()])
        nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_clip)
        self.optimizer.step()
        self.averaged.update(self.model, self.done)
        self.done += 1
        # Time on a processor, not on the clock: what else the machine does shall not count.
        self.cpu_seconds += (time.process_time() - begin) * world_size()
        self.pictures += self.config.batch_size(batch.pictures.shape[-1])
        return torch.stack([loss, segment, distil, cosine]).detach().cpu()

    def _losses(self, batch: TrainingBatch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        config = self.config
        segment = distil = cosine = torch.zeros((), device=self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            maps = self.model.backbone(normalise(batch.pictures))
            logits = self.model.decode(maps) if config.segment_weight > 0 else None
            if self.teacher is not None:
                distil, cosine = self.feature_loss(maps, self.teacher(batch.pictures))
        if logits is not None:
            segment = partial_cross_entropy(
                resize_logits(logits, batch.labels),
                batch.labels,
                trusted(batch.confidence, config.least_confidence),
                batch.negatives,
                self.members,
                self.class_weights,
                config.negative_weight,
                config.label_smoothing,
            )
        loss = config.segment_weight * segment + config.distil_weight * distil
        return loss, segment, distil, cosine

    def _draw_reach(self) -> None:
        """Show stage 3 the reach of this step, so that every reach works on the weights."""
        config = self.config
        rng = np.random.default_rng((config.seed, self.done, REACH))
        draw, size = rng.random(), int(rng.choice(config.window_sizes))
        if draw < config.window_share:
            self.model.set_reach("window", size)
        elif draw < config.window_share + config.hybrid_share:
            self.model.set_reach("hybrid", size)
        else:
            self.model.set_reach("global")

    def _is_due(self, every: int) -> bool:
        return self.done % every == 0 or self.done == self.config.steps

    def save(self) -> None:
        """Write the checkpoint; a whole one is never replaced by half of one."""
        state = {
            "recipe": asdict(self.config),
            "done": self.done,
            "pictures": self.pictures,
            "cpu_seconds": self.cpu_seconds,
            "model": self.model.state_dict(),
            "averaged": self.averaged.model.state_dict(),
            "feature_loss": self.feature_loss.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        replace_file(self.folder / CHECKPOINT, lambda file: torch.save(state, file))

    def _resume(self) -> None:
        state = read_checkpoint(self.folder)
        mine = asdict(self.config)
        changed = [
            name
            for name, value in state["recipe"].items()
            if name != "steps" and mine.get(name) != value
        ]
        if changed:
            raise RecipeError(
                f"{self.folder} holds a run with another {changed[0]}: choose another folder."
            )
        self.done, self.pictures = state["done"], state["pictures"]
        self.cpu_seconds = state["cpu_seconds"]
        self.model.load_state_dict(state["model"])
        self.averaged.model.load_state_dict(state["averaged"])
        self.feature_loss.load_state_dict(state["feature_loss"])
        self.optimizer.load_state_dict(state["optimizer"])


def read_checkpoint(folder: Path) -> dict:
    """Return what :meth:`Trainer.save` wrote to ``folder``, on the CPU.

    Raises :class:`~training.config.RecipeError` when there is none or it is damaged.
    """
    file = folder / CHECKPOINT
    if not file.is_file():
        raise RecipeError(f"{folder} holds no run: there is no {CHECKPOINT} in it.")
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise RecipeError(
            f"{file} cannot be read or is damaged: delete it to start anew."
        ) from error


def normalise(pictures: Tensor) -> Tensor:
    """Return uint8 RGB (B, 3, H, W) as the network's input, float32."""
    mean, std = (torch.tensor(v, device=pictures.device)[:, None, None] for v in (MEAN, STD))
    return (pictures - mean) / std


def trusted(confidence: Tensor, least: float) -> Tensor:
    """Return confidence 0..255 as the weight of a pixel, float32 in 0..1: 0 below ``least``."""
    share = confidence.float() / 255
    return share * (share >= least)


def learning_rate(step: int, config: RunConfig) -> float:
    """Return the rate of ``step``, counted from 0: linear warm-up times half a cosine."""
    warm = min(1.0, (step + 1) / config.warmup)
    return config.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / config.steps))


def make_optimizer(modules: Sequence[nn.Module], config: RunConfig) -> torch.optim.AdamW:
    """Return AdamW; biases and the parameters of norms do not decay."""
    parameters = [p for module in modules for p in module.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)

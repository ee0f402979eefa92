"""A run that takes a second."""

from training.config import RunConfig
from training.data import load_split, read_groups
from training.trainer import Trainer
from uniformer.classes import class_set

CLASSES = class_set("everyday22")
TINY = RunConfig(
    steps=4,
    warmup=2,
    crops=(32, 64),
    batch_pixels=4 * 32 * 32,
    drop_path_rate=0.1,
    negatives={"b": "person"},
    log_every=1,
    checkpoint_every=2,
    validate_every=4,
)


def trainer(data, folder, config=TINY):
    folder.mkdir(exist_ok=True)
    splits = (load_split(data, split, len(CLASSES), 320) for split in ("train", "val"))
    return Trainer(config, CLASSES, read_groups(data, len(CLASSES)), *splits, folder)

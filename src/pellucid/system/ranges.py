"""Which numbers an option may be: read where it is typed, before torch, and where it is taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

from pellucid.errors import UserError


@dataclass(frozen=True)
class Range:
    """From ``least`` to ``most``, each of them allowed where ``ends`` has a square bracket on its side;
    ``expected``: that in words.
    """

    least: float
    most: float
    ends: str
    expected: str

    def __contains__(self, value: float) -> bool:
        above = self.least <= value if self.ends[0] == "[" else self.least < value
        return above and (value <= self.most if self.ends[1] == "]" else value < self.most)


def fraction_range(split: str) -> Range:
    """Of ``data.<split>_fraction``."""
    why = (
        f"as every run needs {split} images that it is not trained on. For a few give "
        f"data.{split}_fraction=0.01; for your own, <root>/{{train,{split}}}/<class>"
    )
    return Range(0, 1, "()", f"more than 0 and less than 1, {why}")


SHARE_OF_RATE = Range(0, 1, "(]", "a share of the learning rate, above 0 to 1")
SHARE_OF_TRAINING = Range(0, 1, "[)", "a share of the training, 0 to below 1")
BELOW_1 = Range(0, 1, "[)", "0 to below 1")
AT_LEAST_0 = Range(0, math.inf, "[)", "0 or more")
AT_LEAST_1 = Range(1, math.inf, "[)", "1 or more")
RANGES = {
    "average.decay": BELOW_1,
    "average.start": SHARE_OF_TRAINING,
    "data.batch_size": Range(1, math.inf, "[)", "at least 1 image"),
    "data.folds": Range(2, math.inf, "[)", "at least 2, or null for no folds"),
    "data.image_size": Range(1, math.inf, "[)", "1 or more pixels a side, as [224,320], or auto"),
    "data.repeats": Range(1, math.inf, "[)", "1 or more draws of each image"),
    "data.test_fraction": fraction_range("test"),
    "data.train_size": Range(1, math.inf, "[)", "1 or more pixels a side, as [128,224]"),
    "data.val_fraction": fraction_range("val"),
    "keep_every": Range(0, math.inf, "[)", "0 (none) or more"),
    "optimizer.betas": Range(0, 1, "[)", "decays, each 0 to below 1"),
    "optimizer.groups.backbone": SHARE_OF_RATE,
    "optimizer.groups.layer_decay": SHARE_OF_RATE,
    "optimizer.lr": Range(0, math.inf, "[)", "a rate, 0 or more"),
    "optimizer.momentum": BELOW_1,
    "optimizer.weight_decay": AT_LEAST_0,
    "scheduler.div_factor": AT_LEAST_1,
    "scheduler.final_div_factor": AT_LEAST_1,
    "scheduler.floor": Range(0, 1, "[]", "a share of the learning rate, 0 to 1"),
    "scheduler.warmup": SHARE_OF_TRAINING,
    "scheduler.warmup_epochs": AT_LEAST_0,
    "share": Range(0, math.inf, "[)", "0 or more, of the time trained; null draws everything"),
    "task.focal": Range(0, math.inf, "[)", "0 (cross-entropy) or more, such as 2"),
    "task.label_smoothing": BELOW_1,
    "task.mix_alpha": Range(0, math.inf, "()", "a number above 0, or null: 0.2 for mixup, 1 for CutMix"),
    "task.mix_probability": Range(0, 1, "(]", "a share of the batches, above 0 to 1"),
}


def range_problem(option: str, value: object) -> str:
    """What is wrong with a number, or with one of several, in a sentence; empty for all that is right, and
    for what is no number.
    """
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    numbers = [float(v) for v in values if isinstance(v, Real) and not isinstance(v, bool)]
    if all(number in RANGES[option] for number in numbers):
        return ""
    return _problem(option, f"[{','.join(map(str, values))}]" if values is value else value)


def check_range(option: str, value: object) -> None:
    """Raise UserError for what the option may not be; None is something else than a number."""
    if value is not None and not (isinstance(value, Real) and float(value) in RANGES[option]):
        raise UserError(_problem(option, value))


def _problem(option: str, value: object) -> str:
    return f"{option}={value}: expected {RANGES[option].expected}."

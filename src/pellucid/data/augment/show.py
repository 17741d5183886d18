"""Examples of augmentations: what each operation makes of one image.

Shapes: N examples, C channels, H × W pixels; pixels in [0, 1].
"""

from __future__ import annotations

from dataclasses import fields, replace

from torch import Tensor

from pellucid.data.augment.automatic import MEMBERS, WIDE, members
from pellucid.data.augment.operation import Operation
from pellucid.data.augment.pipeline import Pipeline

Fill = Tensor | float


def examples(
    pipeline: Pipeline, image_CHW: Tensor, count: int, *, seed: int, fill: Fill
) -> dict[str, Tensor]:
    """``count`` draws of each operation alone, (N, C, H, W), by its name and, where it has one, on a second
    line its probability, which it is drawn without; then of all in their order.
    """
    images_NCHW = image_CHW.expand(count, *image_CHW.shape)
    shown = {}
    for step in pipeline.steps:
        operation = step.operation
        name, certain = operation.name, _certain(operation)
        if certain is not operation:
            name += f"\nin {vars(operation)['probability']:.0%} of draws"
        alone = Pipeline.of([certain])
        shown[name] = alone(images_NCHW, alone.numbers(count, seed, 0), fill)
    if len(pipeline.steps) > 1:
        shown["all, in this order"] = pipeline(images_NCHW, pipeline.numbers(count, seed, 0), fill)
    return shown


def _certain(operation: Operation) -> Operation:
    """The operation done in every draw; of a flip, which would be the same in all, as it is."""
    has_chance = any(field.name == "probability" for field in fields(operation))
    if not has_chance or operation.name == "flip":
        return operation
    return replace(operation, probability=1.0)  # type: ignore[call-arg]


def strengths(image_CHW: Tensor, levels_N: Tensor, *, fill: Fill) -> dict[str, Tensor]:
    """Each operation of TrivialAugment at those levels, in [-1, 1]; those without a sign from 0 to 1."""
    images_NCHW = image_CHW.expand(len(levels_N), *image_CHW.shape)
    return {
        name: MEMBERS[name][0](images_NCHW, levels_N if MEMBERS[name][1] else (1 + levels_N) / 2, WIDE, fill)
        for name in members(len(image_CHW))
    }

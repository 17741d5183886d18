"""Evaluation with test-time augmentation, at a fitted temperature, or both, beside the plain one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pellucid.data.base import ImageData
from pellucid.engine.evaluation import Evaluation, evaluation
from pellucid.engine.intervals import Interval
from pellucid.engine.loaded_run import LoadedRun
from pellucid.engine.temperature import (
    Quality,
    Temperature,
    check_calibrates,
    fit,
    no_validation,
    quality,
    save,
    stored,
)
from pellucid.engine.test_time import pool_of
from pellucid.view.comparison import paired_test


@dataclass(frozen=True)
class Adjusted:
    """A split evaluated with ``tta`` and at ``temperature``, None for none, beside the ``plain`` evaluation.

    ``uncalibrated``: with ``tta``, and without the temperature. ``before``, ``after``: the quality of its
    probabilities, of the split. ``seed``: of resamples.
    """

    tta: str
    temperature: Temperature | None
    plain: Evaluation
    uncalibrated: Evaluation
    evaluation: Evaluation
    seed: int
    before: Quality | None = None
    after: Quality | None = None

    @property
    def suffix(self) -> str:
        """Of the folder's name that its files go to: ``_flip_calibrated``."""
        calibrated = "_calibrated" if self.temperature else ""
        return calibrated if self.tta == "none" else f"_{self.tta}{calibrated}"

    @property
    def text(self) -> str:
        """What stands beside the name of the images: ``, tta=flip, temperature 1.73``."""
        parts = [f"tta={self.tta}"] if self.tta != "none" else []
        return "".join(
            f", {part}" for part in [*parts, *([self.temperature.text] if self.temperature else [])]
        )

    @property
    def gains(self) -> dict[str, float]:
        """By metric how much larger it is with ``tta``."""
        return {
            name: value - self.plain.metrics[name]
            for name, value in self.uncalibrated.metrics.items()
            if name in self.plain.metrics
        }

    @cached_property
    def gain_intervals(self) -> dict[str, Interval]:
        """95 % intervals of ``gains``: of the same images with and without."""
        found = {name: self.plain.difference(self.uncalibrated, name, self.seed) for name in self.gains}
        if "accuracy" in found and all(
            each.is_share_of_right("accuracy") for each in (self.plain, self.uncalibrated)
        ):
            test = paired_test(self.plain.predictions, self.uncalibrated.predictions)
            found["accuracy"] = Interval(test.interval, f"Agresti and Min, {test.images:,} images")
        return found


def check(trained: LoadedRun, *, tta: str, calibrate: bool) -> None:
    """Raise UserError for a run whose predictions cannot be adjusted so."""
    if tta != "none":
        pool_of(trained.task, trained.spec.image_shape, tta)
    if calibrate:
        check_calibrates(trained.task, len(trained.spec.classes))


def adjusted(
    trained: LoadedRun,
    data: ImageData,
    split: str,
    plain: Mapping[str, Evaluation],
    *,
    tta: str,
    calibrate: bool,
) -> Adjusted:
    """The split evaluated with ``tta``; with ``calibrate`` also at a temperature, which is fitted on the
    validation images and kept with the run. Of images that have no validation, the one that is kept.

    ``plain``: evaluations without, by split. Raises UserError.
    """
    seed = trained.config["seed"]
    options: dict[str, Any] = {"tta": tta, "keep_outputs": calibrate}

    def evaluated(name: str) -> Evaluation:
        again = tta != "none" or (calibrate and plain[name].outputs is None)
        return evaluation(trained, data, name, **options) if again else plain[name]

    without = evaluated(split)
    if not calibrate:
        return Adjusted(tta, None, plain[split], without, without, seed)
    if "val" in data.splits:
        validated = without if split == "val" else evaluated("val")
        assert validated.outputs is not None
        temperature = fit(
            validated.outputs,
            data.splits["val"],
            net=trained.net,
            checkpoint=trained.checkpoint,
            epoch=trained.epoch,
            tta=tta,
        )
        save(trained.folder, temperature)
    else:
        kept = stored(trained.folder, trained.net, trained.checkpoint, tta)
        if kept is None:
            raise no_validation(data.source)
        temperature = kept
    value, targets = temperature.temperature, data.splits[split].targets
    assert without.outputs is not None
    return Adjusted(
        tta,
        temperature,
        plain[split],
        without,
        evaluation(trained, data, split, tta=tta, temperature=value),
        seed,
        quality(without.outputs, targets),
        quality(without.outputs, targets, value),
    )

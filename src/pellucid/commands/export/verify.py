"""Verification of an exported file: its outputs and its net's on the same real images.

Axes: B images, C channels, H × W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pellucid.data.base import ImageData
from pellucid.data.pictures import Pictures
from pellucid.data.pictures import describe_unreadable as describe_unreadable
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import UserError, counted, first_line
from pellucid.inside.reference import choose_points
from pellucid.spec import prepare
from pellucid.system.console import console
from pellucid.system.seeding import generator

TOLERANCE = 1e-4  # of the largest output, or of 1 where that is less
BATCH_SIZE = 32
MAX_TEST_IMAGES = 256
RANDOM_IMAGES = 64
Answer = Callable[[Tensor], Sequence[Tensor]]  # of uint8 pixels (B, C, H, W): all outputs, on the CPU


@dataclass
class Sample:
    """Images to verify on: uint8 ``batches`` (B, C, H, W), at most ``count``; ``description``: of what."""

    description: str
    count: int
    batches: Iterable[Tensor]


@dataclass
class Agreement:
    """Largest difference and largest value of each output over ``images``; how many got another class."""

    images: int = 0
    other_class: int = 0
    differences: tuple[float, ...] = ()
    largest: tuple[float, ...] = ()

    @property
    def allowed(self) -> tuple[float, ...]:
        """The difference that rounding may make of each output."""
        return tuple(TOLERANCE * max(1.0, value) for value in self.largest)

    @property
    def holds(self) -> bool:
        """Whether every difference is allowed; one that is no number is not."""
        return all(
            difference <= allowed for difference, allowed in zip(self.differences, self.allowed, strict=True)
        )

    def facts(self, names: Sequence[str]) -> dict[str, dict[str, float]]:
        """Both by the names of the outputs."""
        return {
            "largest_difference": dict(zip(names, self.differences, strict=True)),
            "largest_value": dict(zip(names, self.largest, strict=True)),
        }

    def add(self, outputs: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
        """Take in a batch. Raises UserError where the net gives values that are not finite."""
        if not all(bool(output.isfinite().all()) for output in expected):
            raise UserError(
                "The net itself gives values that are not finite, as its training has failed; another "
                "checkpoint=… may do."
            )
        differences = [
            float((value - target).abs().max()) for value, target in zip(outputs, expected, strict=True)
        ]
        largest = [float(output.abs().max()) for output in expected]
        self.differences = _larger(self.differences or differences, differences)
        self.largest = _larger(self.largest or largest, largest)


def choose_sample(trained: LoadedRun, files: Sequence[Path], pattern: str) -> Sample:
    """The files of ``images=<named>``; without any the run's test images; without those random pixels."""
    if files:
        return _files(trained, files, pattern)
    try:
        data = trained.data()
    except UserError as error:
        return _random(trained, first_line(error))
    return _tested(trained, data)


def verify(sample: Sample, exported: Answer, net: Answer, *, classifies: bool) -> Agreement:
    """Agreement of a file's outputs with its net's, in batches of one, three and ``BATCH_SIZE``.

    Raises UserError where the net's are not finite, or no image can be read.
    """
    agreement = Agreement()
    for images_BCHW in console.track(sample.batches, "Checking", -(-sample.count // BATCH_SIZE)):
        if not agreement.images:
            for small_BCHW in (images_BCHW[:1], images_BCHW.repeat(3, 1, 1, 1)[:3]):
                agreement.add(exported(small_BCHW), net(small_BCHW))
        outputs, targets = exported(images_BCHW), net(images_BCHW)
        agreement.add(outputs, targets)
        agreement.images += len(images_BCHW)
        if classifies:
            agreement.other_class += int((outputs[0].argmax(dim=1) != targets[0].argmax(dim=1)).sum())
    return agreement


def _files(trained: LoadedRun, files: Sequence[Path], pattern: str) -> Sample:
    pictures = Pictures(files, trained.spec.image_shape, trained.spec.values, trained.spec.fit)
    sample = Sample("", len(files), ())

    def batches() -> Iterator[Tensor]:
        count = 0
        for _, images_BCHW in pictures.batches(BATCH_SIZE):
            count += len(images_BCHW)
            yield images_BCHW
        if not count:
            raise UserError(f"images={pattern}: {counted(len(files), 'file')}, no image that can be read.")
        sample.description = counted(count, "image") + f" of {pattern}"
        if pictures.unreadable:
            sample.description += f" ({describe_unreadable(pictures.unreadable, len(files)).rstrip('.')})"

    sample.batches = batches()
    return sample


def batches_of_split(
    trained: LoadedRun, data: ImageData, name: str, most: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of a split's images, uint8 (B, C, H, W), and what is known of them, (B,) or (B, K): at most so
    many, drawn by seed.
    """
    split, spec = data.splits[name], trained.spec
    index_N = choose_points(len(split), most, trained.config["seed"])
    for index_B in torch.split(index_N, BATCH_SIZE):
        images_BCHW = spec.denormalise(prepare(split.images(index_B), spec))
        yield images_BCHW.mul(255).round().to(torch.uint8), split.targets[index_B]


def _tested(trained: LoadedRun, data: ImageData) -> Sample:
    count = min(len(data.splits["test"]), MAX_TEST_IMAGES)
    batches = (pixels_BCHW for pixels_BCHW, _ in batches_of_split(trained, data, "test", MAX_TEST_IMAGES))
    return Sample(f"{counted(count, 'test image')} of {data.source}", count, batches)


def _random(trained: LoadedRun, why: str) -> Sample:
    random = generator(trained.config["seed"], "export")
    batches = [
        torch.randint(0, 256, (BATCH_SIZE, *trained.spec.image_shape), generator=random, dtype=torch.uint8)
        for _ in range(RANDOM_IMAGES // BATCH_SIZE)
    ]
    description = (
        f"{RANDOM_IMAGES} images of random pixels, as the run's own cannot be read ({why.rstrip('.')})"
    )
    return Sample(f"{description}; name real ones by images=<folder>", RANDOM_IMAGES, batches)


def _larger(first: Sequence[float], second: Sequence[float]) -> tuple[float, ...]:
    """The larger of each two; not a number where one is none."""
    return tuple(torch.maximum(torch.tensor(first), torch.tensor(second)).tolist())

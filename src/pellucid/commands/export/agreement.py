"""Whether a file does what its net does: both asked of the same real images.

Axes: B images, C channels, H × W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor

from pellucid.data.base import ImageData
from pellucid.data.pictures import Pictures, told
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import UserError, counted, first_line
from pellucid.inside.pixels import pixels
from pellucid.inside.reference import choose_points
from pellucid.system.console import console
from pellucid.system.seeding import generator

TOLERANCE = 1e-4  # of the largest output, or of 1 where that is less
AT_ONCE = 32  # images, so that memory is bounded
TESTED = 256  # test images
RANDOM = 64  # images of random pixels
Answer = Callable[[Tensor], Sequence[Tensor]]  # of uint8 pixels (B, C, H, W): all outputs, on the CPU


@dataclass
class Sample:
    """Images to ask of: uint8 ``batches`` (B, C, H, W), at most ``count``. ``told`` says which they are."""

    told: str
    count: int
    batches: Iterable[Tensor]


@dataclass
class Agreement:
    """Of so many images: each output's largest difference and value; how many are of another class."""

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
        return all(one <= most for one, most in zip(self.differences, self.allowed, strict=True))

    def add(self, given: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
        """Take in a batch. Raises UserError where the net gives values that are not finite."""
        if not all(bool(output.isfinite().all()) for output in expected):
            raise UserError(
                "The net itself gives values that are not finite, as its training has failed; another "
                "checkpoint=… may do."
            )
        found = [float((one - other).abs().max()) for one, other in zip(given, expected, strict=True)]
        large = [float(output.abs().max()) for output in expected]
        self.differences = _larger(self.differences or found, found)
        self.largest = _larger(self.largest or large, large)


def choose(trained: LoadedRun, files: Sequence[Path], named: str) -> Sample:
    """The files of ``images=<named>``; without any the run's test images; without those random pixels."""
    if files:
        return _files(trained, files, named)
    try:
        data = trained.data()
    except UserError as error:
        return _random(trained, first_line(error))
    return _tested(trained, data)


def compare(sample: Sample, given: Answer, expected: Answer, *, classifies: bool) -> Agreement:
    """Ask both of the images, in batches of one, of three and of ``AT_ONCE``. Raises UserError."""
    found = Agreement()
    bar = track(
        sample.batches,
        "Checking",
        total=-(-sample.count // AT_ONCE),
        transient=True,
        console=console,
        disable=not console.is_terminal,
    )
    for images_BCHW in bar:
        if not found.images:
            for few in (images_BCHW[:1], images_BCHW.repeat(3, 1, 1, 1)[:3]):
                found.add(given(few), expected(few))
        one, other = given(images_BCHW), expected(images_BCHW)
        found.add(one, other)
        found.images += len(images_BCHW)
        if classifies:
            found.other_class += int((one[0].argmax(dim=1) != other[0].argmax(dim=1)).sum())
    return found


def _files(trained: LoadedRun, files: Sequence[Path], named: str) -> Sample:
    pictures = Pictures(files, trained.spec.image_shape, trained.spec.values)
    sample = Sample("", len(files), ())

    def batches() -> Iterator[Tensor]:
        read = 0
        for _, images_BCHW in pictures.batches(AT_ONCE):
            read += len(images_BCHW)
            yield images_BCHW
        if not read:
            raise UserError(f"images={named}: {counted(len(files), 'file')}, no image that can be read.")
        sample.told = counted(read, "image") + f" of {named}"
        if pictures.unreadable:
            sample.told += f" ({told(pictures.unreadable, len(files)).rstrip('.')})"

    sample.batches = batches()
    return sample


def _tested(trained: LoadedRun, data: ImageData) -> Sample:
    split = data.splits["test"]
    index_N = choose_points(len(split), TESTED, trained.config["seed"])
    channels = trained.spec.image_shape[0]
    batches = (
        torch.from_numpy(pixels(trained.spec, split.images(index_B))).permute(0, 3, 1, 2)[:, :channels]
        for index_B in torch.split(index_N, AT_ONCE)
    )
    return Sample(f"{counted(len(index_N), 'test image')} of {data.source}", len(index_N), batches)


def _random(trained: LoadedRun, why: str) -> Sample:
    random = generator(trained.config["seed"], "export")
    batches = [
        torch.randint(0, 256, (AT_ONCE, *trained.spec.image_shape), generator=random, dtype=torch.uint8)
        for _ in range(RANDOM // AT_ONCE)
    ]
    told = f"{RANDOM} images of random pixels, as the run's own cannot be read ({why.rstrip('.')})"
    return Sample(f"{told}; name real ones by images=<folder>", RANDOM, batches)


def _larger(one: Sequence[float], other: Sequence[float]) -> tuple[float, ...]:
    """The larger of each two; not a number where one is none."""
    return tuple(torch.maximum(torch.tensor(one), torch.tensor(other)).tolist())

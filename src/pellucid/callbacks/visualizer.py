"""The one abstract base of all views: what is drawn, of which nets, and how often."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from lightning.pytorch import Callback

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.share import EFFORTS
from pellucid.callbacks.snapshot import Snapshot
from pellucid.errors import UserError

SECONDS = 0.5  # of a look of which nothing is known


class Visualizer(Callback, ABC):
    """Looks after epoch 1, after every ``every_n_epochs``-th and after the last; or, with None, once before
    training. On rank 0 alone; see ``ViewScheduler``.

    A view implements ``draw``; ``reason`` says why a net cannot be looked at so. What they raise never stops
    the training, but for a UserError of ``reason``, which comes before it: it is told once and counted.
    ``min_effort``: the least share of its images that it is drawn with, where time is short.
    ``cheap`` views look after the first and last epoch whatever the share of time is; one whose last picture
    ``shows_all_epochs`` after the last. ``kept`` is the pattern of files that it reads at later looks.
    """

    name: ClassVar[str]
    cheap: ClassVar[bool] = False
    min_effort: ClassVar[float] = EFFORTS[-1]
    shows_all_epochs: ClassVar[bool] = False
    kept: ClassVar[str | None] = None

    def __init__(self, *, every_n_epochs: int | None = 1, figures: FigureLogger) -> None:
        if every_n_epochs is not None:
            self.check_count("every_n_epochs", every_n_epochs)
        self.every_n_epochs, self.figures = every_n_epochs, figures
        self.applies = False
        self.looked_at = (-1, -1)  # epoch and step

    def check(self) -> None:
        """Raise UserError where a user's class has not what a view needs."""
        if not all(hasattr(self, needed) for needed in ("name", "figures", "every_n_epochs")):
            raise UserError(
                f"{type(self).__name__} is no whole view: expected name = '…' in the class, and in __init__ "
                "super().__init__(every_n_epochs=every_n_epochs, figures=figures)."
            )

    def check_count(self, option: str, value: int, most: int | None = None) -> None:
        """Raise UserError for an option that is not at least 1 and at most ``most``."""
        if value < 1 or (most is not None and value > most):
            expected = "at least 1" if most is None else f"1 to {most:,}"
            raise UserError(f"callbacks.{self.name}.{option}={value}: expected {expected}.")

    def reason(self, snapshot: Snapshot) -> str | None:
        """Why this view does not apply, in a few words; None where it does. Raises UserError for options."""
        return None

    def begin(self, snapshot: Snapshot) -> None:
        """Before the first step, or the first after a run was resumed: keep what is to be known later."""

    @abstractmethod
    def draw(self, snapshot: Snapshot) -> None:
        """Draw, and hand what was drawn to ``snapshot.show``."""

    def estimate(self, snapshot: Snapshot) -> float:
        """About how many seconds the first look takes, where time is limited."""
        return SECONDS

    def finish(self, snapshot: Snapshot) -> None:
        """After the last epoch: draw what is of all of them."""

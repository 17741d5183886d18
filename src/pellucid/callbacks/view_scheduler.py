"""When views look, and for how long; that looking changes nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from pellucid.callbacks.figure_logger import FigureLogger, event_bytes
from pellucid.callbacks.progress import Progress
from pellucid.callbacks.share import (
    EARLY,
    GRACE,
    GRACES,
    LOOKS,
    SHORT,
    cost_of,
    full_cost,
    largest_effort,
    told,
)
from pellucid.callbacks.snapshot import Moment, Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.errors import UserError
from pellucid.inside.preserve_state import preserve_state
from pellucid.run.epoch import is_due, whole_epoch

log = logging.getLogger(__name__)


class ViewScheduler(Callback):
    """One a training: its views look on rank 0, one after the other, and their errors stop nothing.

    Within the share of time of ``figures``, in this order: views that have not looked before those that have,
    cheap ones before dear ones. After the first and the last epoch cheap ones look in any case. A dear view
    is drawn with fewer images, and else waits until there is time; others that have looked wait meanwhile.
    """

    def __init__(self, views: Sequence[Visualizer], figures: FigureLogger) -> None:
        self.views, self.figures, self.share = list(views), figures, figures.share
        self._costs: dict[Visualizer, float] = {}  # seconds of a look at full effort
        self._efforts: dict[Visualizer, float] = {}
        self._waiting: set[Visualizer] = set()  # that were due and had no time
        self._saving = False  # for the first look of a view, for which there will be time
        self._grace = GRACES * GRACE
        self.start_step: int | None = None
        self._finished = (0, 0)  # epoch and step
        self._says: Callable[[str], None] = _say_nothing

    def prepare(self, moment: Moment, *, main: bool = True) -> None:
        """Ask every view whether it applies. Raises UserError for an option that does not fit the net.

        ``main``: in the process that draws; in others, that all of them stop at a mistake.
        """
        for view in self.views:
            view.applies = False
            start = time.perf_counter()
            try:
                snapshot = Snapshot(view, moment)
                with self._looking(snapshot):
                    why_not = view.reason(snapshot)
            except UserError as error:
                raise UserError(f"callbacks.{view.name}: {error}") from error
            except Exception as error:
                self.figures.failed(view.name, error)
                continue
            view.applies = why_not is None
            if why_not is None:
                self.figures.spent(view.name, seconds=time.perf_counter() - start)
            else:
                self.figures.leave_out(view.name, why_not)
        if main:
            self.figures.tell_left_out()

    def begin(self, moment: Moment) -> None:
        """Before the first step, also of a run that goes on."""
        for view in self.views:
            self._guarded(view, moment, view.begin)
            if view.every_n_epochs is None and moment.epoch == 0:  # not on resuming
                self._guarded(view, moment, view.draw)
        self.share.start()

    def look(self, moment: Moment, *, last: bool = False, asked: bool = False) -> None:
        """After an epoch; ``last``: after the training, where it was not known to be the last epoch;
        ``asked``: of all views, whatever their cadence.
        """
        self.figures.host.begin_look()
        self._saving = False
        due = [view for view in self.views if view.applies and self._is_due(view, moment, last or asked)]
        if due and not self._costs:
            log.info("Looking into the net: %s.", ", ".join(view.name for view in due))
        for view in sorted(due, key=lambda view: (view in self._costs, not view.cheap)):
            effort = self._effort(view, moment, last=last or moment.epoch == moment.max_epochs)
            view.looked_at = (moment.epoch, moment.step)
            if effort == 0:
                if view not in self._waiting or self._is_regular(view, moment):
                    self.share.left_out[view.name] += 1
                self._waiting.add(view)
                continue
            self._waiting.discard(view)
            start = time.perf_counter()
            self._guarded(view, moment, view.draw, effort)
            self._costs[view] = full_cost(time.perf_counter() - start, effort)
            if effort < 1:
                self.share.shortened[view.name] += 1

    def finish(self, moment: Moment) -> None:
        """After the last epoch."""
        for view in self.views:
            self._guarded(view, moment, view.finish)
        self.share.stop()
        if text := told(self.figures.account(), self.share.part):
            log.info("Pictures: %s", text)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        moment = Moment.of(trainer, pl_module, trainer.current_epoch)
        self.prepare(moment, main=trainer.is_global_zero)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        bars = [callback for callback in _callbacks(trainer) if isinstance(callback, Progress)]
        if bars:
            self._says = bars[0].say
        if trainer.is_global_zero:
            self.begin(Moment.of(trainer, pl_module, trainer.current_epoch))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.start_step = trainer.global_step
        if trainer.is_global_zero and self.figures.account():
            self.figures.host.record(self.figures.account())

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero or not whole_epoch(trainer, self.start_step):
            return
        self._finished = (trainer.current_epoch + 1, trainer.global_step)
        self.look(Moment.of(trainer, pl_module, trainer.current_epoch + 1))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        epoch, step = self._finished
        moment = Moment.of(trainer, pl_module, epoch)
        if step == trainer.global_step:
            self.look(moment, last=True)
        self.finish(moment)

    def _is_due(self, view: Visualizer, moment: Moment, always: bool) -> bool:
        if view.every_n_epochs is None or view.looked_at == (moment.epoch, moment.step):
            return False
        return always or view in self._waiting or self._is_regular(view, moment)

    def _is_regular(self, view: Visualizer, moment: Moment) -> bool:
        """Whether it is one of the epochs after which the view looks by itself."""
        return is_due(moment.epoch, view.every_n_epochs or 1, moment.max_epochs)

    def _effort(self, view: Visualizer, moment: Moment, *, last: bool) -> float:
        """The share of its images that a view is drawn with now; 0: it is not drawn."""
        share = self.share
        is_first = moment.epoch == 1 and not view.shows_all_epochs
        if share.part is None or (view.cheap and (is_first or last)):
            return 1.0
        is_new = view not in self._costs
        full = self._costs[view] if not is_new else self._estimate(view, moment)
        if last and is_new:
            grace = min(GRACE, self._grace) if share.part > 0 and share.trained < SHORT else 0.0
            self._grace -= grace
            return largest_effort(full, max(share.left - self._last_cheap(view), grace), view.min_effort)
        expected = share.expected(moment.epoch, moment.max_epochs)
        if view not in self._efforts:  # the same in all epochs, which are compared
            self._efforts[view] = largest_effort(full, expected / LOOKS, view.min_effort) or view.min_effort
        cost = cost_of(full, self._efforts[view])
        part, later = (1.0, 0.0) if last else (EARLY, self._last_cheap(view))
        if share.spent + cost + later > part * expected:
            return 0.0
        if share.spent + cost > part * share.allowed:
            self._saving = self._saving or is_new  # there will be time for it
            return 0.0
        return 0.0 if self._saving and not (is_new or last) else self._efforts[view]

    def _estimate(self, view: Visualizer, moment: Moment) -> float:
        """About how many seconds the first look takes, which may be found out by running the net."""
        start = time.perf_counter()
        snapshot = Snapshot(view, moment)
        with self._looking(snapshot):
            seconds = view.estimate(snapshot)
        self.figures.spent(view.name, seconds=time.perf_counter() - start)
        return seconds

    @contextmanager
    def _looking(self, snapshot: Snapshot) -> Iterator[None]:
        """The net is left as it is found."""
        with preserve_state(snapshot.net), torch.no_grad(), snapshot.predictor.reading():
            yield

    def _last_cheap(self, view: Visualizer) -> float:
        """Seconds of the looks after the last epoch that take place in any case."""
        return sum(cost for other, cost in self._costs.items() if other.cheap and other is not view)

    def _guarded(
        self, view: Visualizer, moment: Moment, body: Callable[[Snapshot], None], effort: float = 1.0
    ) -> None:
        """Run ``body`` where the view applies: the net left as it is, its cost counted, errors survived."""
        if not view.applies:
            return
        self._says(view.name)
        start = time.perf_counter()
        try:
            snapshot = Snapshot(view, moment, effort)
            loggers = self.figures.host.loggers(moment.loggers)
            before = event_bytes(loggers)
            with self._looking(snapshot):
                body(snapshot)
            self.figures.spent(view.name, size=event_bytes(loggers) - before)
        except Exception as error:
            self.figures.failed(view.name, error)
        self.figures.spent(view.name, seconds=time.perf_counter() - start)
        self._says("")


def _say_nothing(text: str) -> None:
    """Where there is no bar."""


def _callbacks(trainer: Any) -> Sequence[Callback]:
    callbacks: Sequence[Callback] = trainer.callbacks
    return callbacks

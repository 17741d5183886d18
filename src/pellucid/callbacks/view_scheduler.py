"""When views look, and that looking changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from pellucid.callbacks.figure_logger import FigureLogger, event_bytes
from pellucid.callbacks.snapshot import Moment, Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.errors import UserError
from pellucid.inside.preserve_state import preserve_state
from pellucid.run.epoch import is_due, whole_epoch


class ViewScheduler(Callback):
    """One a training: its views look on rank 0, one after the other, and their errors stop nothing."""

    def __init__(self, views: Sequence[Visualizer], figures: FigureLogger) -> None:
        self.views, self.figures = list(views), figures
        self.start_step: int | None = None
        self._finished = (0, 0)  # epoch and step

    def prepare(self, moment: Moment, *, main: bool = True) -> None:
        """Ask every view whether it applies. Raises UserError for an option that does not fit the net.

        ``main``: in the process that draws; in others, that all of them stop at a mistake.
        """
        for view in self.views:
            view.applies = False
            start = time.perf_counter()
            try:
                snapshot = Snapshot(view, moment)
                with preserve_state(snapshot.net), torch.no_grad(), snapshot.predictor.reading():
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

    def look(self, moment: Moment, *, last: bool = False) -> None:
        """After an epoch; ``last``: after the training, where it was not known to be the last epoch."""
        self.figures.host.begin_look()
        now = (moment.epoch, moment.step)
        for view in self.views:
            every = view.every_n_epochs
            if every is None or view.looked_at == now:
                continue
            if last or is_due(moment.epoch, every, moment.max_epochs):
                view.looked_at = now
                self._guarded(view, moment, view.draw)

    def finish(self, moment: Moment) -> None:
        """After the last epoch."""
        for view in self.views:
            self._guarded(view, moment, view.finish)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        moment = Moment.of(trainer, pl_module, trainer.current_epoch)
        self.prepare(moment, main=trainer.is_global_zero)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
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

    def _guarded(self, view: Visualizer, moment: Moment, body: Callable[[Snapshot], None]) -> None:
        """Run ``body`` where the view applies: the net left as it is, its cost counted, errors survived."""
        if not view.applies:
            return
        start = time.perf_counter()
        try:
            snapshot = Snapshot(view, moment)
            loggers = self.figures.host.loggers(moment.loggers)
            before = event_bytes(loggers)
            with preserve_state(snapshot.net), torch.no_grad(), snapshot.predictor.reading():
                body(snapshot)
            self.figures.spent(view.name, size=event_bytes(loggers) - before)
        except Exception as error:
            self.figures.failed(view.name, error)
        self.figures.spent(view.name, seconds=time.perf_counter() - start)

"""Views in anybody's Lightning project or training loop, by one line.

Axes: N images, B of a batch, C channels, H × W pixels.
"""

from __future__ import annotations

import inspect
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.optim import Optimizer

from pellucid.callbacks.activations import Activations
from pellucid.callbacks.confusion import Confusion
from pellucid.callbacks.curves import Curves
from pellucid.callbacks.embeddings import Embeddings
from pellucid.callbacks.explanations import Explanations
from pellucid.callbacks.feature_maps import FeatureMaps
from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.film_strip import FilmStrip
from pellucid.callbacks.filters import Filters
from pellucid.callbacks.finder import Finder, Given, MisfitError
from pellucid.callbacks.found_host import FoundHost
from pellucid.callbacks.graph import Graph
from pellucid.callbacks.latent import Latent
from pellucid.callbacks.predictions import Predictions
from pellucid.callbacks.reconstructions import Reconstructions
from pellucid.callbacks.samples import Samples
from pellucid.callbacks.share import TimeShare
from pellucid.callbacks.snapshot import Moment
from pellucid.callbacks.view_scheduler import ViewScheduler
from pellucid.callbacks.visualizer import Visualizer
from pellucid.discovery.batch import PickBatch
from pellucid.discovery.net import candidates
from pellucid.discovery.normalization import given_normalization
from pellucid.discovery.output import Score
from pellucid.discovery.pool import given_pool
from pellucid.errors import UserError, did_you_mean, first_line
from pellucid.explainer.base import Explainer
from pellucid.explainer.grad_cam import GradCAM
from pellucid.explainer.integrated_gradients import IntegratedGradients
from pellucid.explainer.occlusion import Occlusion
from pellucid.explainer.saliency import Saliency
from pellucid.system.figure_formats import vector_formats
from pellucid.system.files import check_writable

log = logging.getLogger(__name__)
VIEWS: dict[str, type[Visualizer]] = {
    view.name: view
    for view in (
        *(Samples, Curves, Predictions, FeatureMaps, Explanations, Embeddings, Reconstructions),
        *(Confusion, Filters, Latent, Activations, FilmStrip, Graph),
    )
}
EXPLAINERS: dict[str, Callable[[], Explainer]] = {
    "saliency": Saliency,
    "integrated_gradients": IntegratedGradients,
    "grad_cam": GradCAM,
    "occlusion": Occlusion,
}
OF_TRAINERS = ("samples", "curves", "graph")  # views of what only a Trainer knows
WITHOUT_A_NET = ("samples", "curves", "filters")  # views that run none
SHARDED = ("FSDP", "DeepSpeed", "ModelParallel")  # a rank has not the whole net


class Views(Callback):
    """Views into a net that somebody else's code trains: ``Trainer(callbacks=[Views()])``.

    What is not given is found: ``net``, a module or its name in the module that is trained; ``batch``, a
    function that takes a batch and gives images (B, C, H, W) and labels (B,); ``classes``; ``mean`` and
    ``std`` of the normalisation, a number a channel; ``score``, of a net that is no classifier, what of its
    output to explain: the name of a part, or a function of the output that gives numbers (B,).

    ``share``: of the time trained so far that pictures may take, beside the cheap ones of the first and last
    epoch; None draws everything. ``only``: names of views; the options of each by its name,
    ``feature_maps=dict(layers=["layer3"])``. ``folder`` takes PNG files, by default ``figures`` beside the
    logs; ``figures``: png, pdf, svg or a list of them, written beside those. For a loop without Lightning
    give ``net``, ``images`` (N, C, H, W) and ``labels`` (N,), and call ``look`` after each epoch.

    Training is bitwise what it is without; what goes wrong is told once and stops nothing. Raises UserError
    for options that do not fit.
    """

    def __init__(
        self,
        *,
        net: str | nn.Module | None = None,
        images: Tensor | None = None,
        labels: Tensor | None = None,
        batch: PickBatch | None = None,
        classes: Sequence[str] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        score: Score | None = None,
        only: Sequence[str] | None = None,
        every_n_epochs: int | None = None,
        share: float | None = 0.1,
        folder: str | Path | None = None,
        figures: str | Sequence[str] = "png",
        seed: int = 0,
        **views: Mapping[str, Any],
    ) -> None:
        _check_kinds(net=(net, "a module or its name", net is None or isinstance(net, str | nn.Module)))
        _check_kinds(batch=(batch, "a function of a batch", batch is None or callable(batch)))
        _check_kinds(score=(score, "a name or a function", isinstance(score, str | None) or callable(score)))
        names = tuple(map(str, _listed("classes", classes)))
        self.given = Given(net, batch, names, given_normalization(mean, std), score, seed)
        self.folder = None if folder is None else Path(folder)
        if self.folder is not None:
            check_writable(self.folder, f"The folder {self.folder}", "folder=…")
        self.formats = vector_formats(figures)
        self.every_n_epochs, self.share = every_n_epochs, TimeShare(share).part
        if only is not None:
            only = _listed("only", only)
        elif images is not None:  # none of them is of a loop without a Trainer
            only = [name for name in VIEWS if name not in OF_TRAINERS]
        self.options = _checked(only, views)
        self._views(self._figures(None))  # options that do not fit are told at once
        self._finder: Finder | None = None
        self._host: FoundHost | None = None
        self._scheduler: ViewScheduler | None = None
        self._has_trainer = images is None
        self._start_step: int | None = None
        self._stack = ExitStack()
        if images is not None:
            if not isinstance(net, nn.Module):
                raise UserError(
                    "images=…: expected net=… beside, a module; with a Trainer neither is needed."
                )
            pool = given_pool(images, labels, self.given.normalization)
            finder = Finder(self.given, net, self.folder or Path("figures"), pool=pool)
            with torch.no_grad():
                self._open(finder.host(), Moment(net, 0, 0))

    def __getstate__(self) -> dict[str, Any]:
        """Without what is of one Trainer's training, for another process."""
        of_one = dict.fromkeys(("_finder", "_host", "_scheduler")) if self._has_trainer else {}
        return {**vars(self), **of_one}

    # A loop without Lightning

    def look(self, epoch: int, *, title: str = "") -> None:
        """Draw what is seen after that epoch, counted from 1; 0: before the first. Raises UserError.

        ``title``: of a single look, whose files are named without the epoch.
        """
        net = self.given.net
        if self._scheduler is None or not isinstance(net, nn.Module):
            raise UserError(
                "look(epoch): expected Views(net=net, images=images, labels=labels), as there is no Trainer."
            )
        self._scheduler.look(Moment(net, epoch, epoch, title=title), asked=True)

    def finish(self, epoch: int) -> None:
        """After the last epoch: draw what is of all of them, each image's film strip."""
        if self._scheduler is not None and isinstance(self.given.net, nn.Module):
            self._scheduler.finish(Moment(self.given.net, epoch, epoch))

    # Lightning

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._scheduler, self._host, self._start_step = None, None, None
        list(candidates(pl_module, self.given.net))  # a name that there is not is told at once, on all ranks
        figures = self._choose_folder(trainer)  # asks all ranks
        kind = type(trainer.strategy).__name__
        if kind.startswith(SHARDED):
            self._turn_off(f"{kind} shares the net among processes")
        elif trainer.is_global_zero:
            self._finder = Finder(self.given, pl_module, figures, trainer=trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._finder is not None:
            with self._guarded(pl_module):
                self._finder.choose()
                self._open(
                    self._finder.host(may_wait=True), Moment.of(trainer, pl_module, trainer.current_epoch)
                )

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start_step = trainer.global_step
        if self._scheduler is not None:
            self._scheduler.on_train_epoch_start(trainer, pl_module)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self._finder is not None and self._finder.is_curious and self._finder.split == "training":
            self._hear(trainer, pl_module, batch)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self._compare(pl_module, "training_step")

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if dataloader_idx == 0:
            self._hear(trainer, pl_module, batch)

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self._compare(pl_module, "validation_step")

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        if self._scheduler is not None and trainer.is_last_batch:
            with self._guarded(pl_module, raises=False):
                for view in self._scheduler.views:
                    view.on_before_optimizer_step(trainer, pl_module, optimizer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics = dict(trainer.callback_metrics)  # on all ranks, which may reduce them together
        if self._finder is None:
            return
        with self._guarded(pl_module, raises=False):
            if self._finder.has_news:  # a step has shown more
                self._open(self._finder.host(), Moment.of(trainer, pl_module, trainer.current_epoch))
            if self._scheduler is not None and self._host is not None:
                self._host.note(trainer.current_epoch + 1, metrics)
                self._scheduler.on_train_epoch_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._scheduler is not None:
            with self._guarded(pl_module, raises=False):
                self._scheduler.on_train_end(trainer, pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._close()  # as there is no teardown then

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._close()

    def _close(self) -> None:
        if self._finder is not None:
            self._finder.close()
        self._finder = None
        self._stack.close()

    def _hear(self, trainer: Trainer, module: LightningModule, batch: Any) -> None:
        if self._finder is None or not self._finder.is_curious or trainer.state.fn != TrainerFn.FITTING:
            return
        with self._guarded(module, raises=False):
            self._finder.hear(batch)

    def _compare(self, module: LightningModule, step: str) -> None:
        if self._finder is not None and self._finder.listens:
            with self._guarded(module, raises=False):
                self._finder.compare(step)

    def _open(self, host: FoundHost | None, moment: Moment) -> None:
        """Tell what was found, and ask every view whether it applies."""
        if host is None:
            return
        self._host = host
        for line in host.told():
            _tell(line)
        self._scheduler = self._schedule(host)
        self._scheduler.start_step = self._start_step
        for view in self._scheduler.views:
            if view.kept is not None and moment.step == 0:  # a folder may be that of an older training
                self._scheduler.figures.forget(view.kept)
        self._scheduler.prepare(moment)
        self._scheduler.begin(moment)

    def _figures(self, host: Any) -> FigureLogger:
        explainers = {name: make() for name, make in EXPLAINERS.items()}
        return FigureLogger(
            host=host,
            seed=self.given.seed,
            explainers=explainers,
            share=self.share,
            formats=self.formats,
        )

    def _schedule(self, host: FoundHost) -> ViewScheduler:
        figures = self._figures(host)
        views = [view for view in self._views(figures) if host.is_seen or view.name in WITHOUT_A_NET]
        return ViewScheduler(views, figures)

    def _views(self, figures: FigureLogger) -> list[Visualizer]:
        """Raises UserError for an option that does not fit."""
        views = []
        for name, options in self.options.items():
            cadence = {} if self.every_n_epochs is None else {"every_n_epochs": self.every_n_epochs}
            if "every_n_epochs" not in inspect.signature(VIEWS[name]).parameters:
                cadence = {}
            try:
                views.append(VIEWS[name](**{**cadence, **options}, figures=figures))
            except TypeError as error:
                raise UserError(
                    f"{name}: {first_line(error)}. Given was {dict(options) or cadence}."
                ) from error
        return views

    def _choose_folder(self, trainer: Trainer) -> Path:
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        if self.folder is not None:
            return self.folder
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger | CSVLogger):
                return Path(logger.log_dir) / "figures"
            if logger.save_dir is not None:
                return Path(logger.save_dir) / str(logger.name) / str(logger.version) / "figures"
        parent = Path(trainer.default_root_dir) / "views"
        taken = [path.name for path in parent.glob("version_*")] if parent.is_dir() else []
        numbers = [int(name[8:]) for name in taken if name[8:].isdigit()]
        return parent / f"version_{max(numbers, default=-1) + 1}"

    @contextmanager
    def _guarded(self, module: nn.Module, *, raises: bool = True) -> Iterator[None]:
        """What goes wrong within is told once, and training goes on; what the module would log is not logged.

        ``raises``: UserError where something that was given does not fit.
        """
        try:
            with _unlogged(module), torch.no_grad():
                yield
        except Exception as error:
            told = self.given.where or self._scheduler is not None or isinstance(error, MisfitError)
            if raises and isinstance(error, UserError) and told:
                raise
            self._turn_off(str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}")

    def _turn_off(self, why: str) -> None:
        if self._finder is not None:
            self._finder.close()
        self._finder, self._scheduler = None, None
        log.warning("No pictures: %s", why)


def _checked(
    only: Sequence[str] | None, views: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """The options of each view that is drawn. Raises UserError for a view or option that there is none of."""
    for name in [*(only or ()), *views]:
        if name not in VIEWS:
            hint = did_you_mean(name, VIEWS)
            raise UserError(f"{name}: no view of that name.{hint} There are {', '.join(VIEWS)}.")
    for name, options in views.items():
        _check_kinds(**{name: (options, "its options, dict(…=…)", isinstance(options, Mapping))})
        known = inspect.signature(VIEWS[name]).parameters.keys() - {"figures"}
        for option in options:
            if option not in known:
                hint = did_you_mean(option, known)
                raise UserError(f"{name}: no option {option}.{hint} It takes {', '.join(sorted(known))}.")
    return {name: views.get(name, {}) for name in (VIEWS if only is None else only)}


def _check_kinds(**options: tuple[Any, str, bool]) -> None:
    """Raise UserError for an option that is of another kind: its value, what was expected, whether it is."""
    for name, (value, expected, fits) in options.items():
        if not fits:
            raise UserError(f"{name}={value}: expected {expected}, got {type(value).__name__}.")


def _listed(option: str, names: Sequence[str] | None) -> list[str]:
    """Names of a list. Raises UserError for one name alone, which is a sequence of letters."""
    if isinstance(names, str):
        raise UserError(f"{option}={names}: expected a list, {option}=['{names}'].")
    return [] if names is None else list(names)


@contextmanager
def _unlogged(module: nn.Module) -> Iterator[None]:
    """What the module logs in its forward is not logged where we call it."""
    names = ("log", "log_dict")
    before = {name: vars(module)[name] for name in names if name in vars(module)}
    for name in names:
        vars(module)[name] = lambda *_, **__: None
    try:
        yield
    finally:
        for name in names:
            del vars(module)[name]
        vars(module).update(before)


def _tell(line: str) -> None:
    """To the console, in a project that has set up no logging too."""
    top = logging.getLogger("pellucid")
    if not top.isEnabledFor(logging.INFO):
        top.setLevel(logging.INFO)
    if not top.hasHandlers():
        # Notebooks show stderr as if it were an error.
        top.addHandler(logging.StreamHandler(sys.stdout if "ipykernel" in sys.modules else None))
    log.info("%s", line)

"""Views in anybody's Lightning project or training loop, by one line.

Axes: N images, B of a batch, C channels, H × W pixels.
"""

from __future__ import annotations

import inspect
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.trainer.states import RunningStage, TrainerFn
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
from pellucid.callbacks.found_host import UNSEEN, FoundHost, find_net, make_spec, unseen_net
from pellucid.callbacks.graph import Graph
from pellucid.callbacks.latent import Latent
from pellucid.callbacks.predictions import Predictions
from pellucid.callbacks.reconstructions import Reconstructions
from pellucid.callbacks.samples import Samples
from pellucid.callbacks.share import TimeShare
from pellucid.callbacks.snapshot import Moment
from pellucid.callbacks.view_scheduler import ViewScheduler
from pellucid.callbacks.visualizer import Visualizer
from pellucid.discovery.batch import FoundBatch, PickBatch, find_batch
from pellucid.discovery.dataset import class_names, data_set_name, length, names_of_net
from pellucid.discovery.net import candidates
from pellucid.discovery.normalization import OWN_RANGE, Normalization, find_normalization
from pellucid.discovery.output import Score
from pellucid.discovery.pool import (
    FIRST,
    Pool,
    can_fetch,
    fetch_batch,
    fetch_pool,
    flat_loaders,
    given_pool,
    heard_pool,
)
from pellucid.discovery.random_state import preserve_generators
from pellucid.discovery.received import AS_IS, Listener, Received, described
from pellucid.errors import UserError, did_you_mean
from pellucid.explainer.grad_cam import GradCAM
from pellucid.explainer.integrated_gradients import IntegratedGradients
from pellucid.explainer.occlusion import Occlusion
from pellucid.explainer.saliency import Saliency

log = logging.getLogger(__name__)
VIEWS: dict[str, type[Visualizer]] = {
    view.name: view
    for view in (
        *(Samples, Curves, Predictions, Confusion, FeatureMaps, Filters, Activations, Explanations),
        *(Embeddings, Reconstructions, Latent, FilmStrip, Graph),
    )
}
OF_TRAINERS = ("samples", "curves", "graph")  # views of what only a Trainer knows
WITHOUT_A_NET = ("samples", "curves", "filters")  # views that run none
SHARDED = ("FSDP", "DeepSpeed", "ModelParallel")  # a rank has not the whole net
SECONDS = 5.0  # of fetching images


class Views(Callback):
    """Views into a net that somebody else's code trains: ``Trainer(callbacks=[Views()])``.

    What is not given is found: ``net``, a module or its name in the module that is trained; ``batch``, a
    function that takes a batch and gives images (B, C, H, W) and labels (B,); ``classes``; ``mean`` and
    ``std`` of the normalisation, a number a channel; ``score``, of a net that is no classifier, what of its
    output to explain: the name of a part, or a function of the output that gives numbers (B,).

    ``share``: of the time trained so far that pictures may take, beside the cheap ones of the first and last
    epoch; None draws everything. ``only``: names of views; the options of each by its name,
    ``feature_maps=dict(layers=["layer3"])``. ``folder`` takes PNG files, by default ``figures`` beside the
    logs. For a loop without Lightning give ``net``, ``images`` (N, C, H, W) and ``labels`` (N,), and call
    ``look`` after each epoch.

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
        seed: int = 0,
        **views: Mapping[str, Any],
    ) -> None:
        self.net, self.batch, self.score, self.seed = net, batch, score, seed
        self.classes = tuple(classes or ())
        self.normalization = _given_normalization(mean, std)
        self.folder = None if folder is None else Path(folder)
        self.every_n_epochs, self.share = every_n_epochs, TimeShare(share).part
        if only is None and images is not None:  # none of them is of a loop without a Trainer
            only = [name for name in VIEWS if name not in OF_TRAINERS]
        self.options = _checked(only, views)
        self._scheduler: ViewScheduler | None = None
        self._host: FoundHost | None = None
        self._figures: Path | None = None
        self._heard: list[FoundBatch] | None = None  # batches that go by, until there are enough images
        self._start_step: int | None = None
        self._fetched: tuple[Pool, str, str] | None = None  # as they lie in batches, their source and split
        self._listener: tuple[Listener, Tensor] | None = None  # and the images of the batch that goes by
        self._heard_net: tuple[str, Received] | None = None  # the net that a step calls with images
        self._why_not: UserError | None = None  # a step has shown that no net is given the images
        self._is_checked = False  # whether what a step gives the net has been compared with its batch
        self._is_off = False
        self._stack = ExitStack()
        if images is not None:
            if not isinstance(net, nn.Module):
                raise UserError(
                    "images=…: expected net=… beside, a module; with a Trainer neither is needed."
                )
            self._figures = self.folder or Path("figures")
            pool = given_pool(images, labels, self.normalization)
            with torch.no_grad():
                self._open(net, pool, "images", "given", Moment(net, 0, 0))

    # A loop without Lightning

    def look(self, epoch: int, *, title: str = "") -> None:
        """Draw what is seen after that epoch, counted from 1; 0: before the first. Raises UserError.

        ``title``: of a single look, whose files are named without the epoch.
        """
        if self._scheduler is None or not isinstance(self.net, nn.Module):
            raise UserError(
                "look(epoch): expected Views(net=net, images=images, labels=labels), as there is no Trainer."
            )
        self._scheduler.look(Moment(self.net, epoch, epoch, title=title), asked=True)

    def finish(self, epoch: int) -> None:
        """After the last epoch: draw what is of all of them, each image's film strip."""
        if self._scheduler is not None and isinstance(self.net, nn.Module):
            self._scheduler.finish(Moment(self.net, epoch, epoch))

    # Lightning

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._scheduler, self._heard, self._is_off = None, None, False
        self._heard_net, self._is_checked, self._start_step = None, self.batch is not None, None
        self._host, self._fetched, self._why_not = None, None, None
        list(candidates(pl_module, self.net))  # a name that there is not is told at once, on all ranks
        self._figures = self._choose_folder(trainer)  # asks all ranks
        kind = type(trainer.strategy).__name__
        if kind.startswith(SHARDED):
            self._turn_off(f"{kind} shares the net among processes")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._is_idle(trainer):
            with self._guarded(pl_module):
                self._find(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start_step = trainer.global_step
        if self._scheduler is not None:
            self._scheduler.on_train_epoch_start(trainer, pl_module)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if _first_loader(trainer)[1] == "training":
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
        if self._is_idle(trainer):
            return
        with self._guarded(pl_module, raises=False):
            if self._heard:
                self._open_heard(trainer, pl_module)
            elif self._fetched and self._has_been_shown_more:
                moment = Moment.of(trainer, pl_module, trainer.current_epoch)
                self._open(pl_module, *self._fetched, moment, trainer)  # anew, as a step has shown more
            if self._scheduler is not None and self._host is not None:
                self._host.note(trainer.current_epoch + 1, metrics)
                self._scheduler.on_train_epoch_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._is_idle(trainer) and self._scheduler is not None:
            with self._guarded(pl_module, raises=False):
                self._scheduler.on_train_end(trainer, pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._close()  # as there is no teardown then

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._close()

    def _close(self) -> None:
        if self._listener is not None:
            self._listener[0].close()
        self._listener = None
        self._stack.close()

    def _find(self, trainer: Trainer, module: LightningModule) -> None:
        """Choose the images that are looked at, or wait for batches where they cannot be asked for."""
        loader, split = _first_loader(trainer)
        if loader is None or not can_fetch(loader):
            self._heard = []
            return
        device = module.device
        with preserve_generators(device, loader.dataset, module, _datamodule(trainer)):
            transfer = _transfer(trainer, module, split)
            try:
                pool = fetch_pool(loader, transfer, pick=self.batch, seed=self.seed, seconds=SECONDS)
            except UserError:
                raise
            except Exception as error:  # a data set that is asked by something else than numbers
                log.debug("Images cannot be asked for singly: %s", error)
                self._heard = []
                return
        self._fetched = pool, data_set_name(loader.dataset), split
        try:
            self._open(module, *self._fetched, Moment.of(trainer, module, trainer.current_epoch), trainer)
        except UserError:
            if self._is_checked or self._host is not None:
                raise  # else a step may show how the net runs

    def _hear(self, trainer: Trainer, module: LightningModule, batch: Any) -> None:
        """Before a batch's step: keep its images where they cannot be asked for, and listen for those which
        the net is given.
        """
        if self._is_idle(trainer) or trainer.state.fn != TrainerFn.FITTING:
            return
        wanted = self._heard is not None and sum(len(one.images_BCHW) for one in self._heard) < FIRST
        if not wanted and self._is_checked:
            return
        with self._guarded(module, raises=False):
            found = find_batch(batch, self.batch)
            images_BCHW = found.images_BCHW.detach().cpu().clone()
            labels_B = None if found.labels_B is None else found.labels_B.clone()
            if wanted and self._heard is not None:
                self._heard.append(replace(found, images_BCHW=images_BCHW, labels_B=labels_B))
            if not self._is_checked and getattr(module, "_compiler_ctx", None) is None:
                self._listener = Listener(dict(candidates(module, self.net))), images_BCHW

    def _compare(self, module: LightningModule, step: str) -> None:
        """After a batch's step: compare what the net was given with what the batch holds."""
        if self._listener is None:
            return
        (listener, images_BCHW), self._listener, self._is_checked = self._listener, None, True
        listener.close()
        with self._guarded(module, raises=False):
            names = [name for name, _ in candidates(module, self.net)]
            self._heard_net = listener.find(images_BCHW, names)
            if self._heard_net is None and any(listener.calls.values()):
                self._why_not = UserError(
                    f"In {step} the net is given other images ({listener.text(names)}) than the batch holds "
                    f"({described(images_BCHW)}). Say what it is given, "
                    "batch=lambda b: (…, …), or which net takes the images, net='…'."
                )

    def _open_heard(self, trainer: Trainer, module: LightningModule) -> None:
        pool = heard_pool(self._heard or [])
        loader, split = _first_loader(trainer)
        self._heard = None
        source = data_set_name(getattr(loader, "dataset", loader))
        self._open(module, pool, source, split, Moment.of(trainer, module, trainer.current_epoch), trainer)

    def _open(
        self,
        module: nn.Module,
        pool: Pool,
        source: str,
        split: str,
        moment: Moment,
        trainer: Trainer | None = None,
    ) -> None:
        """Find out the rest, tell it, and ask every view whether it applies."""
        loaders = list(flat_loaders(trainer.val_dataloaders if trainer else None))
        loaders += flat_loaders(trainer.train_dataloader if trainer else None)
        datasets = [getattr(loader, "dataset", None) for loader in loaders]
        datamodule = _datamodule(trainer)
        holders = (datasets[:1], datasets[1:], [datamodule], [module])
        received = AS_IS if self._heard_net is None else self._heard_net[1]
        found = find_normalization(pool.inputs_NCHW, *holders)
        pool = replace(pool, inputs_NCHW=received.values(pool.inputs_NCHW))
        if received.scale and found.source == OWN_RANGE:
            found = find_normalization(pool.inputs_NCHW, *holders)
        else:
            found = received.normalization(found)
        normalization = self.normalization or found
        known = [self.classes, *map(class_names, [*datasets, datamodule]), names_of_net(module)]
        known += [names_of_net(child) for child in module.children()]
        classes = next((names for names in known if names), ())
        spec = make_spec(pool, classes, normalization)
        device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
        options = self.options
        try:
            if self._why_not is not None:
                raise self._why_not
            found_net = find_net(
                module, self.net, pool, spec, device=device, score=self.score, heard=self._heard_net
            )
        except UserError as error:
            if self._has_been_told or not self._is_checked:
                raise
            log.warning("%s", error)
            found_net = unseen_net(module)
            options = {name: options[name] for name in options if name in WITHOUT_A_NET}
        trained = next(iter(flat_loaders(trainer.train_dataloader if trainer else None)), None)
        assert self._figures is not None
        fetches = trainer is not None and can_fetch(trained)
        self._host = FoundHost(
            found=found_net,
            pool=pool,
            spec=spec,
            figures=self._figures,
            source=source,
            split=split,
            train=(lambda count: self._training_images(trainer, module, count)) if fetches else None,
            train_total=length(getattr(trained, "dataset", None)),
        )
        for line in self._host.told():
            _tell(line)
        self._scheduler = self._schedule(self._host, options)
        self._scheduler.start_step = self._start_step
        self._scheduler.prepare(moment)
        self._scheduler.begin(moment)

    def _schedule(self, host: FoundHost, options: Mapping[str, Mapping[str, Any]]) -> ViewScheduler:
        explainers = {
            "saliency": Saliency(),
            "integrated_gradients": IntegratedGradients(),
            "grad_cam": GradCAM(),
            "occlusion": Occlusion(),
        }
        figures = FigureLogger(host=host, seed=self.seed, explainers=explainers, share=self.share)
        views = []
        for name, given in options.items():
            cadence = {} if self.every_n_epochs is None else {"every_n_epochs": self.every_n_epochs}
            if "every_n_epochs" not in inspect.signature(VIEWS[name]).parameters:
                cadence = {}
            views.append(VIEWS[name](**{**cadence, **given}, figures=figures))
        return ViewScheduler(views, figures)

    def _training_images(self, trainer: Any, module: Any, count: int) -> tuple[Tensor, Tensor | None]:
        loader = next(iter(flat_loaders(trainer.train_dataloader)))
        with preserve_generators(module.device, loader.dataset, module, _datamodule(trainer)):
            index_B = torch.randperm(len(loader.dataset), generator=torch.Generator().manual_seed(self.seed))
            batch = _transfer(trainer, module, "training")(fetch_batch(loader, index_B[:count]))
            found = find_batch(batch, self.batch)
        assert self._host is not None
        images_BCHW = found.images_BCHW.detach().float().cpu()[:count]
        labels_B = None if found.labels_B is None else found.labels_B[:count]
        return self._host.found.received.values(images_BCHW), labels_B

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

    def _is_idle(self, trainer: Trainer) -> bool:
        return self._is_off or not trainer.is_global_zero

    @contextmanager
    def _guarded(self, module: nn.Module, *, raises: bool = True) -> Iterator[None]:
        """What goes wrong within is told once, and training goes on; what the module would log is not logged.

        ``raises``: UserError where something that was given does not fit.
        """
        try:
            with _unlogged(module), torch.no_grad():
                yield
        except Exception as error:
            told = self._has_been_told or self._scheduler is not None
            if raises and isinstance(error, UserError) and told:
                raise
            self._turn_off(str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}")

    @property
    def _has_been_told(self) -> bool:
        """Whether the user has said where something is."""
        return any(option is not None for option in (self.net, self.batch, self.score))

    @property
    def _has_been_shown_more(self) -> bool:
        """Whether a step has shown what was not known when the host was made."""
        if self._host is None:
            return True
        if self._why_not is not None:
            return self._host.found.output.text != UNSEEN
        return self._heard_net not in (None, self._host.heard)

    def _turn_off(self, why: str) -> None:
        self._is_off, self._scheduler, self._heard = True, None, None
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
        known = inspect.signature(VIEWS[name]).parameters.keys() - {"figures"}
        for option in options:
            if option not in known:
                hint = did_you_mean(option, known)
                raise UserError(f"{name}: no option {option}.{hint} It takes {', '.join(sorted(known))}.")
    return {name: views.get(name, {}) for name in (VIEWS if only is None else only)}


def _given_normalization(mean: Sequence[float] | None, std: Sequence[float] | None) -> Normalization | None:
    if mean is None and std is None:
        return None
    if mean is None or std is None or len(mean) != len(std) or min(std) <= 0:
        raise UserError(f"mean={mean}, std={std}: expected both, a number a channel, std above 0.")
    return Normalization(tuple(map(float, mean)), tuple(map(float, std)), "as given")


def _datamodule(trainer: Any) -> Any:
    return getattr(trainer, "datamodule", None)


def _first_loader(trainer: Trainer) -> tuple[Any, str]:
    """The first loader of validation, or else of training, and whose images it has."""
    for loaders, split in ((trainer.val_dataloaders, "validation"), (trainer.train_dataloader, "training")):
        for loader in flat_loaders(loaders):
            return loader, split
    return None, "training"


def _transfer(trainer: Any, module: Any, stage: str) -> Callable[[Any], Any]:
    """What Lightning does with a batch before the module's step gets it."""

    def transfer(batch: Any) -> Any:
        state, before = trainer.state, trainer.state.stage
        state.stage = RunningStage.VALIDATING if stage == "validation" else RunningStage.TRAINING
        try:
            batch = module._on_before_batch_transfer(batch, dataloader_idx=0)
            return trainer.strategy.batch_to_device(batch, dataloader_idx=0)
        finally:
            state.stage = before

    return transfer


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
        top.addHandler(logging.StreamHandler())
    log.info("%s", line)

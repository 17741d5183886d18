"""What is found out about a training that somebody else wrote, at its start and from its first batches.

Axes: N images, B of a batch, C channels, H × W pixels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.trainer.states import RunningStage
from torch import Tensor, nn

from pellucid.callbacks.found_host import FoundHost, FoundNet, find_net, make_spec, unseen_net
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
    heard_pool,
)
from pellucid.discovery.random_state import preserve_generators
from pellucid.discovery.received import AS_IS, Listener, Received, described
from pellucid.errors import UserError

log = logging.getLogger(__name__)
SECONDS = 5.0  # of fetching images


@dataclass(frozen=True)
class Given:
    """What the user has said, so that it is not looked for; see ``Views``."""

    net: str | nn.Module | None
    batch: PickBatch | None
    classes: tuple[str, ...]
    normalization: Normalization | None
    score: Score | None
    seed: int

    @property
    def where(self) -> bool:
        """Whether it says where something is, which is then a mistake where it is not there."""
        return any(option is not None for option in (self.net, self.batch, self.score))


class MisfitError(UserError):
    """What the user has said is not so of the images."""


class Finder:
    """Of the training of a ``module``, by a Lightning ``trainer`` or, with a ``pool``, by anything else.

    ``figures`` is the folder of PNG files. Nothing of the training is changed: images are fetched from the
    data set with all random generators put back, and steps are listened to by hooks that are taken away.
    """

    def __init__(
        self,
        given: Given,
        module: nn.Module,
        figures: Path,
        *,
        trainer: Trainer | None = None,
        pool: Pool | None = None,
    ) -> None:
        self.given, self.module, self.figures = given, module, figures
        self._trainer: Any = trainer
        self._pool = pool  # images as they lie in batches
        self._heard: list[FoundBatch] = []  # batches that went by
        self._waits = False  # for such, as images cannot be asked for
        self._listener: tuple[Listener, Tensor] | None = None  # and the images of the batch that goes by
        self._net: tuple[str, Received] | None = None  # what a step calls with images
        self._why_not: UserError | None = None  # a step has shown that no net is given the images
        # That a step gives the net those images.
        self._is_checked = given.batch is not None or trainer is None
        self._host: FoundHost | None = None

    def choose(self) -> None:
        """Fetch the images that are looked at, or wait for batches where they cannot be asked for.

        Raises UserError where a batch has no images.
        """
        loader = self._loader
        self._waits = loader is None or not can_fetch(loader)
        if self._waits:
            return
        with self._preserved(loader):
            try:
                self._pool = fetch_pool(
                    loader,
                    self._transfer(self.split),
                    pick=self.given.batch,
                    seed=self.given.seed,
                    seconds=SECONDS,
                )
            except UserError:
                raise
            except Exception as error:  # a data set that is asked by something else than numbers
                log.debug("Images cannot be asked for singly: %s", error)
                self._waits = True

    @property
    def is_curious(self) -> bool:
        """Whether a batch that goes by can tell more."""
        return self._lacks_images or not self._is_checked

    @property
    def _lacks_images(self) -> bool:
        return self._waits and sum(len(one.images_BCHW) for one in self._heard) < FIRST

    @property
    def listens(self) -> bool:
        """Whether it waits for the end of a batch's step."""
        return self._listener is not None

    def hear(self, batch: Any) -> None:
        """Before a batch's step: keep its images where they cannot be asked for, and listen for those which
        the net is given.
        """
        found = find_batch(batch, self.given.batch)
        images_BCHW = found.images_BCHW.detach().cpu().clone()
        labels_B = None if found.labels_B is None else found.labels_B.clone()
        if self._lacks_images:
            self._heard.append(replace(found, images_BCHW=images_BCHW, labels_B=labels_B))
        if not self._is_checked and getattr(self.module, "_compiler_ctx", None) is None:
            self._listener = Listener(dict(candidates(self.module, self.given.net))), images_BCHW

    def compare(self, step: str) -> None:
        """After a batch's step: compare what the net was given with what the batch holds."""
        if self._listener is None:
            return
        (listener, images_BCHW), self._is_checked = self._listener, True
        self.close()
        names = [name for name, _ in candidates(self.module, self.given.net)]
        self._net = listener.find(images_BCHW, names)
        if self._net is None and any(listener.calls.values()):
            self._why_not = UserError(
                f"In {step} the net is given other images ({listener.text(names)}) than the batch holds "
                f"({described(images_BCHW)}). Say what it is given, batch=lambda b: (…, …), or which net "
                "takes the images, net='…'."
            )

    def close(self) -> None:
        """Take hooks away."""
        if self._listener is not None:
            self._listener[0].close()
        self._listener = None

    @property
    def has_news(self) -> bool:
        """Whether more is known than when the host was made."""
        if self._pool is None and not self._heard:
            return False
        if self._host is None:
            return True
        if self._why_not is not None:
            return self._host.is_seen
        return self._net not in (None, self._host.heard)

    @property
    def _received(self) -> Received:
        return AS_IS if self._net is None else self._net[1]

    def host(self, *, may_wait: bool = False) -> FoundHost | None:
        """All that is known now; None where that is too little and a step may show more.

        Raises UserError, with what to say.
        """
        if self._pool is None and not self._heard:
            return None
        pool = self._pool or heard_pool(self._heard)
        if self.given.normalization is not None:
            try:
                self.given.normalization.check(pool.inputs_NCHW.shape[1])
            except UserError as error:
                raise MisfitError(str(error)) from error
        received = self._received
        holders = (self._datasets[:1], self._datasets[1:], [self._datamodule], [self.module])
        found = find_normalization(pool.inputs_NCHW, *holders)
        pool = replace(pool, inputs_NCHW=received.values(pool.inputs_NCHW))
        if received.scale and found.source == OWN_RANGE:
            found = find_normalization(pool.inputs_NCHW, *holders)
        else:
            found = received.normalization(found)
        spec = make_spec(pool, self._classes, self.given.normalization or found)
        try:
            net = self._find_net(pool, spec)
        except UserError as error:
            if may_wait and not self._is_checked:
                return None
            if self.given.where or not self._is_checked or self._trainer is None:
                raise
            log.warning("%s", error)
            net = unseen_net(self.module)
        self._host = FoundHost(
            found=net,
            pool=pool,
            spec=spec,
            figures=self.figures,
            source=data_set_name(self._datasets[0]) if self._datasets else "images",
            split=self.split,
            train=self._training_images if can_fetch(self._train_loader) else None,
            train_total=length(getattr(self._train_loader, "dataset", None)),
        )
        return self._host

    @property
    def split(self) -> str:
        """Whose images are looked at."""
        if self._trainer is None:
            return "given"
        has_validation = next(flat_loaders(self._trainer.val_dataloaders), None) is not None
        return "validation" if has_validation else "training"

    def _find_net(self, pool: Pool, spec: Any) -> FoundNet:
        if self._why_not is not None:
            raise self._why_not
        device = next((parameter.device for parameter in self.module.parameters()), torch.device("cpu"))
        return find_net(
            self.module,
            self.given.net,
            pool,
            spec,
            device=device,
            score=self.given.score,
            heard=self._net,
        )

    @property
    def _loader(self) -> Any:
        """The first loader of validation, or else of training."""
        return next(flat_loaders(self._trainer.val_dataloaders), self._train_loader)

    @property
    def _train_loader(self) -> Any:
        return next(flat_loaders(self._trainer.train_dataloader), None) if self._trainer else None

    @property
    def _datasets(self) -> list[Any]:
        """Those of all loaders, of validation first."""
        if self._trainer is None:
            return []
        both = [self._trainer.val_dataloaders, self._trainer.train_dataloader]
        return [getattr(loader, "dataset", loader) for loader in flat_loaders(both)]

    @property
    def _datamodule(self) -> Any:
        return getattr(self._trainer, "datamodule", None)

    @property
    def _classes(self) -> tuple[str, ...]:
        known = [self.given.classes, *map(class_names, [*self._datasets, self._datamodule])]
        known += [names_of_net(net) for net in (self.module, *self.module.children())]
        return next((names for names in known if names), ())

    def _training_images(self, count: int) -> tuple[Tensor, Tensor | None]:
        loader = self._train_loader
        with self._preserved(loader):
            random = torch.Generator().manual_seed(self.given.seed)
            index_B = torch.randperm(len(loader.dataset), generator=random)[:count]
            found = find_batch(self._transfer("training")(fetch_batch(loader, index_B)), self.given.batch)
        images_BCHW = found.images_BCHW.detach().float().cpu()[:count]
        return self._received.values(images_BCHW), None if found.labels_B is None else found.labels_B[:count]

    def _preserved(self, loader: Any) -> Any:
        """Random numbers that are drawn within are drawn again afterwards."""
        device = self._trainer.strategy.root_device
        return preserve_generators(device, loader.dataset, self.module, self._datamodule)

    def _transfer(self, split: str) -> Callable[[Any], Any]:
        """What Lightning does with a batch before the module's step gets it."""
        trainer, module = self._trainer, self.module

        def transfer(batch: Any) -> Any:
            state, before = trainer.state, trainer.state.stage
            state.stage = RunningStage.VALIDATING if split == "validation" else RunningStage.TRAINING
            try:
                batch = module._on_before_batch_transfer(batch, dataloader_idx=0)  # type: ignore[operator]
                return trainer.strategy.batch_to_device(batch, dataloader_idx=0)
            finally:
                state.stage = before

        return transfer

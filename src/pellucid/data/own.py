"""A user's own data set: a ``Dataset`` of torch, a ``LightningDataModule``, or what a function gives."""

from __future__ import annotations

import inspect
import json
import logging
from abc import ABC
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from lightning.pytorch import LightningDataModule
from torch.utils.data import ConcatDataset

from pellucid.data.base import ImageData
from pellucid.data.item_data import SPLIT_NAMES, ItemData
from pellucid.data.items import Keys, described
from pellucid.data.torchvision_sets import parameters
from pellucid.discovery.dataset import class_names
from pellucid.discovery.pool import flat_loaders
from pellucid.errors import UserError, first_line

log = logging.getLogger(__name__)

TRIED = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
UNKNOWN = (ValueError, KeyError, AssertionError, NotImplementedError, FileNotFoundError)  # raised for a split


class Source(ABC):  # noqa: B024 (it says what is one)
    """What may be a user's data: a data module, or anything with numbered items or splits by their names."""

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        return issubclass(other, LightningDataModule) or hasattr(other, "__getitem__")


class Own(ItemData):
    """A user's own data set, which ``make`` constructs.

    Once, or, where it takes a ``split`` or ``train``, for each split that it has; of a data module those are
    the data sets of its loaders, and a mapping has them by their names. A split that it lacks is taken from
    its training images. Raises UserError.
    """

    def __init__(
        self,
        *,
        make: Callable[..., Any],
        **given: Any,
    ) -> None:
        self.make = make if isinstance(make, partial) else partial(make)
        maker = inspect.unwrap(self.make.func)
        title = f"{maker.__module__}.{maker.__qualname__}"
        self.named: tuple[str, ...] = ()
        super().__init__(
            title=title,
            key=json.dumps([title, self.make.keywords], default=str),
            keys=Keys(),
            **given,
        )

    def open(self) -> dict[str, Any]:
        argument = self._argument()
        if argument == "train":
            return {part: self._made(train=part == "train") for part in ("train", "test")}
        if argument == "split":
            return self._by_split()
        made = self._made()
        if isinstance(made, ImageData):
            raise UserError(
                f"{self.title} gives an ImageData, which has batch_size and the like of its own. Choose it "
                "by a conf/data/<name>.yaml that states its own options, in place of data=own."
            )
        if isinstance(made, LightningDataModule):
            return self._of_module(made)
        return by_name(made, self.title) if isinstance(made, Mapping) else {"all": made}

    def names(self, dataset: Any) -> Any:
        return self.named or super().names(dataset)

    def _argument(self) -> str:
        """The one that chooses a split: ``split``, ``train``, or none; none where the user has chosen."""
        maker = inspect.unwrap(self.make.func)
        takes = parameters(maker) if isinstance(maker, type) else dict(inspect.signature(maker).parameters)
        if isinstance(maker, type) and issubclass(maker, LightningDataModule):
            return ""
        for name, kind in (("split", str), ("train", bool)):
            if name in takes and (
                takes[name].default in (inspect.Parameter.empty, None)
                or isinstance(takes[name].default, kind)
            ):
                return "" if name in self.make.keywords else name
        return ""

    def _by_split(self) -> dict[str, Any]:
        opened = {}
        for part, values in TRIED.items():
            refused = ""
            for value in values:
                try:
                    opened[part] = self._made(split=value)
                    break
                except UserError as error:
                    if not isinstance(error.__cause__, UNKNOWN):
                        raise
                    refused = refused or first_line(error).rstrip(".")
            if part not in opened and part == "train":
                raise UserError(
                    f"{refused}. If it calls its splits otherwise, choose the one that all is "
                    "taken from, by +data.split=<name>, or let a function give them by their names: "
                    "{'train': …, 'test': …}."
                )
            if part not in opened:
                log.info("There are no %s images (%s): some of others stand in.", part, refused)
        return opened

    def _made(self, **chosen: Any) -> Any:
        try:
            inspect.signature(self.make).bind(**chosen)
        except TypeError as error:
            raise UserError(f"{self.title}: {error}. Give it by +data.<name>=<value>.") from error
        given = ", ".join(f"{name}={value}" for name, value in chosen.items())
        with self._telling(f"({given})"):
            return self.make(**chosen)

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """What the user's own code raises is told in a line, with its place."""
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"{self.title}{what} raised {described(error)}.") from error

    def _of_module(self, module: LightningDataModule) -> dict[str, Any]:
        """The data sets of a data module's loaders, as Lightning's trainer would ask for them."""
        self.named = class_names(module)
        with self._telling(".prepare_data()"):
            module.prepare_data()
        opened = {}
        for stage, parts in (("fit", ("train", "val")), ("test", ("test",))):
            with self._telling(f".setup({stage})"):
                module.setup(stage)
            for part in parts:
                if getattr(type(module), f"{part}_dataloader") is getattr(
                    LightningDataModule, f"{part}_dataloader"
                ):
                    continue
                with self._telling(f".{part}_dataloader()"):
                    loaders = list(flat_loaders(getattr(module, f"{part}_dataloader")()))
                sets = [getattr(loader, "dataset", None) for loader in loaders]
                if any(dataset is None for dataset in sets):
                    raise UserError(
                        f"{self.title}.{part}_dataloader gives a {type(loaders[0]).__name__}, which has no "
                        "dataset. Expected a DataLoader."
                    )
                if sets:
                    opened[part] = sets[0] if len(sets) == 1 else ConcatDataset(sets)  # type: ignore[arg-type]
        if "train" not in opened:
            raise UserError(f"{self.title} has no train_dataloader. Expected images with their classes.")
        return opened


def by_name(sets: Mapping[Any, Any], title: str) -> dict[str, Any]:
    """Data sets by the names of splits, as those are called here. Raises UserError."""
    opened = {}
    for name, dataset in sets.items():
        part = SPLIT_NAMES.get(str(name).lower())
        if part is None or part in opened:
            listed = ", ".join(map(str, sets))
            raise UserError(f"{title} has {listed}. Expected train, and val and test where there are such.")
        opened[part] = dataset
    if "train" not in opened:
        raise UserError(f"{title} has {', '.join(map(str, sets)) or 'nothing'}, but no train images.")
    return opened

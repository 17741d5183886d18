"""Division of a data set's splits into ``train``, ``val`` and ``test``, also of a run that goes on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pellucid.data.images import Split
from pellucid.data.manifest import SPLITS, Changes, Manifest, first_names
from pellucid.data.split import Fold, Share, take
from pellucid.errors import UserError

log = logging.getLogger(__name__)
DIVISION_OPTIONS = ("val_fraction", "test_fraction", "folds", "fold", "seed")  # that decide where an image is

Shares = Mapping[str, Share | None]  # of val and test


def shares_of(
    val_fraction: float | None, test_fraction: float | None, folds: int | None, fold: int
) -> Shares:
    """What of the training images is for ``val`` and ``test``. Raises UserError for a fold that is none."""
    return {"val": val_fraction, "test": test_fraction if folds is None else Fold(fold, folds)}


@dataclass(frozen=True)
class History:
    """The past of a run that images are read for again: what was trained on; of a new run nothing.

    ``by_position``: its splits are those of format 1. ``elsewhere``: the user has named the images, which may
    be others than those of the run. ``count_trained``: test images that were trained on are not left out.
    """

    manifest: Manifest | None = None
    by_position: bool = False
    elsewhere: bool = False
    count_trained: bool = False

    def is_of(self, splits: Mapping[str, Split]) -> bool:
        """Whether these are the images of the run, wherever they lie: most of them, and most of the run's."""
        if not self.elsewhere:
            return True
        if self.manifest is None:
            return False
        now, then = np.concatenate([split.digests_N for split in splits.values()]), self.manifest.digests_R
        return bool(np.isin(now, then).mean() > 0.5 and np.isin(then, now).mean() > 0.5)


@dataclass(frozen=True)
class Division:
    """A division into splits, with files of val and test that were trained on, and changes since the run.

    ``provided``: the splits that the data set itself has. ``complete``: ``splits`` with the images that were
    trained on, also where they are left out.
    """

    provided: tuple[str, ...]
    splits: dict[str, Split]
    complete: dict[str, Split]
    trained_on: Mapping[str, Sequence[str]]
    changes: Changes


def divide(
    provided: Mapping[str, Split],
    shares: Shares,
    seed: int,
    classes: Sequence[str],
    history: History,
) -> Division:
    """The splits that a data set has, and those taken from its training images. Raises UserError.

    Images that are others than the run's are not divided: all are ``test``, or what their folders say. Where
    ``test`` is to be a fold, it is one of the training images, and those that the data have for it stay out.
    """
    same_images = history.is_of(provided)
    if same_images and isinstance(shares["test"], Fold) and "test" in provided:
        log.info(
            "The %s test images that the data have are not used: each fold is tested on training images.",
            f"{len(provided['test']):,}",
        )
        provided = {name: split for name, split in provided.items() if name != "test"}
    splits = dict(provided) if same_images or "all" not in provided else {"test": provided["all"]}
    names = ("val", "test") if history.by_position else ("test", "val")
    parts = {name: share for name in names if name not in provided and (share := shares[name]) is not None}
    available = {*provided, *parts, *({"train"} if "all" in provided else ())}
    if same_images and (missing := [name for name in SPLITS if name not in available]):
        raise UserError(
            f"The data have {', '.join(provided)} images but no {' and no '.join(missing)} images. Expected "
            "<root>/{train,test}/<class>/…, or where data=image_folder class folders alone."
        )
    if same_images and parts:
        pool = splits.pop("all") if "all" in splits else splits["train"]
        if history.manifest is None:
            splits |= take(pool, parts, seed, classes, by_position=history.by_position)
        else:
            splits |= history.manifest.take(pool, tuple(parts), seed)
    splits = {name: splits[name] for name in SPLITS if name in splits}
    changes = Changes()
    if history.manifest is not None and same_images:
        changes = history.manifest.changes(splits, classes)
    if changes:
        log.warning("The images have changed since the training: %s.", changes.summary())
    return _without_trained(tuple(provided), splits, changes, history)


def _without_trained(
    provided: tuple[str, ...], complete: dict[str, Split], changes: Changes, history: History
) -> Division:
    """Leave val and test images out that are, or were, trained on. Raises UserError where all are."""
    trained = [complete["train"].digests_N] if "train" in complete else []
    if history.manifest is not None:
        trained.append(history.manifest.of_split("train"))
    trained_M = np.concatenate(trained) if trained else np.empty(0, np.uint64)
    splits, trained_on = dict(complete), dict[str, list[str]]()
    for name in SPLITS[1:]:
        if name not in complete:
            continue
        split = complete[name]
        trained_N = np.isin(split.digests_N, trained_M)
        if not trained_N.any():
            continue
        trained_on[name] = [split.files[k] for k in np.flatnonzero(trained_N).tolist()]
        counted = history.count_trained or history.by_position  # as the runs of then have it
        log.warning(
            "%d of the %d %s images are training images as well, byte by byte, and are %s: %s.",
            len(trained_on[name]),
            len(split),
            name,
            "counted" if counted else "left out",
            first_names(trained_on[name]),
        )
        if not counted:
            splits[name] = split.subset(torch.from_numpy(np.flatnonzero(~trained_N)))
            if trained_N.all():
                raise UserError(f"All {name} images are training images as well: none is left.")
    return Division(provided, splits, complete, trained_on, changes)

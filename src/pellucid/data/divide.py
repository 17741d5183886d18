"""From the splits that a data set has to ``train``, ``val`` and ``test``, also of a run that goes on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from pellucid.data.manifest import SPLITS, Changes, Manifest, named
from pellucid.data.spec import Split
from pellucid.data.split import take
from pellucid.errors import UserError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class History:
    """What is known of the run that images are read for again; of a new run nothing is.

    ``by_position``: its splits are those of format 1. ``elsewhere``: the user has named the images, which may
    be others than those of the run. ``count_trained``: test images that were trained on are not left out.
    """

    manifest: Manifest | None = None
    by_position: bool = False
    elsewhere: bool = False
    count_trained: bool = False

    def is_of(self, found: Mapping[str, Split]) -> bool:
        """Whether these are the images of the run: most of them are known."""
        if not self.elsewhere:
            return True
        if self.manifest is None:
            return False
        known = sum(int(self.manifest.knows(split).sum()) for split in found.values())
        return 2 * known > sum(len(split) for split in found.values())


@dataclass(frozen=True)
class Division:
    """Splits; what has changed since the run; and the files of val and test images that it was trained on."""

    splits: dict[str, Split]
    changes: Changes = field(default_factory=Changes)
    trained_on: Mapping[str, Sequence[str]] = field(default_factory=dict)


def divide(
    found: Mapping[str, Split],
    fractions: Mapping[str, float | None],
    seed: int,
    classes: Sequence[str],
    history: History,
) -> Division:
    """The splits that a data set has, and those taken from its training images. Raises UserError.

    Images that are others than the run's are not divided: all are ``test``, or what their folders say.
    """
    own = history.is_of(found)
    splits = dict(found) if own or "all" not in found else {"test": found["all"]}
    names = ("val", "test") if history.by_position else ("test", "val")
    wanted = {name: share for name in names if name not in found and (share := fractions[name]) is not None}
    there = {*found, *wanted, *({"train"} if "all" in found else ())}
    if own and (gone := [name for name in SPLITS if name not in there]):
        raise UserError(
            f"The data have {', '.join(found)} images but no {' and no '.join(gone)} images. Expected "
            "<root>/{train,test}/<class>/…, or where data=image_folder class folders alone."
        )
    if own and wanted:
        pool = splits.pop("all") if "all" in splits else splits["train"]
        if history.manifest is None:
            parts = take(pool, wanted, seed, classes, by_position=history.by_position)
        else:
            parts = history.manifest.take(pool, tuple(wanted), seed)
        splits |= parts
    splits = {name: splits[name] for name in SPLITS if name in splits}
    if history.manifest is None:
        _tell_repeated(splits)
        return Division(splits)
    changes = history.manifest.changes(splits.values(), classes) if own else Changes()
    if changes:
        log.warning("The images have changed since the training: %s.", changes.told())
    return _without_trained(splits, changes, history)


def _without_trained(splits: dict[str, Split], changes: Changes, history: History) -> Division:
    assert history.manifest is not None
    trained_on: dict[str, list[str]] = {}
    for name in SPLITS[1:]:
        if name not in splits:
            continue
        trained_N = history.manifest.trained_on(name, splits[name])
        if not trained_N.any():
            continue
        split = splits[name]
        files = trained_on[name] = [split.files[k] for k in np.flatnonzero(trained_N).tolist()]
        if not history.count_trained:
            splits = {**splits, name: split.subset(torch.from_numpy(np.flatnonzero(~trained_N)))}
        log.warning(
            "%d of the %d %s images were trained on, and are %s: %s.",
            len(files),
            len(split),
            name,
            "counted" if history.count_trained else "left out",
            named(files),
        )
    return Division(splits, changes, trained_on)


def _tell_repeated(splits: Mapping[str, Split]) -> None:
    """Say which val and test images are training images as well, where the data set has them in both."""
    for name in ("val", "test"):
        if "train" in splits and name in splits:
            twice_N = np.isin(splits[name].digests_N, splits["train"].digests_N)
            files = [splits[name].files[k] for k in np.flatnonzero(twice_N).tolist()]
            if files:
                log.warning(
                    "%d of the %d %s images are training images as well, byte by byte: %s.",
                    len(files),
                    len(twice_N),
                    name,
                    named(files),
                )

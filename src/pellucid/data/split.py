"""Stratified splits, made from the seed.

Which split an image is in hangs on its content: a class's images are put in order by a hash of (seed,
content) and cut where the fractions say. An image that is renamed stays where it is; one that is added or
removed moves at most one other at each cut, where a fraction is rounded. In a run that has been trained none
is moved: see ``manifest.py``.

Axes: N images, U different ones, M of a class, G groups.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pellucid.data.images import Split
from pellucid.errors import UserError, counted, typed
from pellucid.system.ranges import check_range, fraction_range
from pellucid.system.seeding import derive

Digests = NDArray[np.uint64]
MAX_NAMED = 5  # classes with too few images
LARGE = 0.05  # of the images: groups that copies tie together are told
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fold:
    """The fold ``number``, counted from 0, of ``count`` equal ones. Raises UserError for one that is none."""

    number: int
    count: int

    def __post_init__(self) -> None:
        check_range("data.folds", self.count)
        if not 0 <= self.number < self.count:
            raise UserError(
                f"data.fold={self.number}: expected 0 to {self.count - 1}, as data.folds={self.count}. "
                f"All of them: {typed('train')} -m data.folds={self.count} 'data.fold=range(0,{self.count})'"
            )


Share = float | Fold


def take(
    split: Split,
    shares: Mapping[str, Share],
    seed: int,
    classes: Sequence[str],
    *,
    by_position: bool = False,
) -> dict[str, Split]:
    """A part for each of the shares, and ``train``, which has what they leave; each in the split's order.

    The fold is taken first; of the rest every class is divided by the same fractions, rounded, and each part
    gets at least one image of it; of images without a class, every stratum is. Exact duplicates stay
    together, and so do groups. ``by_position``: where the image is in the split decides, not its content.
    Raises UserError where a class has too few images, and for fractions that are none.
    """
    fractions = {name: share for name, share in shares.items() if not isinstance(share, Fold)}
    _check(fractions)
    names, strata_N = ("train", *fractions), split.strata_N.numpy()
    if by_position:
        digests_U, content_N = split.digests_N, np.arange(len(split))
    else:
        digests_U, content_N = _together(split)
    part_U = np.full(len(digests_U), -1)
    folds = [(name, share) for name, share in shares.items() if isinstance(share, Fold)]
    _check_counts(split, content_N, (*names, *dict(folds)), classes)
    for place, label in enumerate(np.unique(strata_N).tolist()):
        of_class_M, sizes_M = np.unique(content_N[strata_N == label], return_counts=True)
        free_M = part_U[of_class_M] < 0  # another class may have the same image
        content_M, sizes_M = of_class_M[free_M], sizes_M[free_M]
        if len(content_M) == 0:
            continue
        if by_position:
            order_M = np.random.default_rng(derive(seed, "split", label)).permutation(len(content_M))
        else:
            order_M = np.argsort(order(digests_U[content_M], seed))
        content_M, sizes_M = content_M[order_M], sizes_M[order_M]
        for k, (_, fold) in enumerate(folds, start=len(names)):
            held_out_M = _folds(sizes_M, fold.count, place) == fold.number
            part_U[content_M[held_out_M]] = k
            content_M, sizes_M = content_M[~held_out_M], sizes_M[~held_out_M]
        if len(content_M):
            part_U[content_M] = _cut(np.cumsum(sizes_M), list(fractions.values()))
    part_N = part_U[content_N]
    every = enumerate((*names, *dict(folds)))
    return {name: split.subset(torch.from_numpy(np.flatnonzero(part_N == k))) for k, name in every}


def order(digests_N: Digests, seed: int) -> Digests:
    """Where images lie in the order of a seed: a hash (splitmix64) of it and of their content's."""
    x = digests_N ^ np.uint64(derive(seed, "split"))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    mixed: Digests = x ^ (x >> np.uint64(31))
    return mixed


def _folds(sizes_M: NDArray[np.int64], count: int, shift: int) -> NDArray[np.int64]:
    """The fold of each, in order: where its middle lies; each stratum's surplus goes to others."""
    middles_M = np.cumsum(sizes_M) - sizes_M / 2
    folds_M: NDArray[np.int64] = (
        np.floor(middles_M / sizes_M.sum() * count).astype(np.int64) + shift
    ) % count
    return folds_M


def _cut(ends_M: NDArray[np.int64], fractions: Sequence[float]) -> NDArray[np.int64]:
    """The part of each, in order: one of the fractions', from 1, or the rest, 0. ``ends_M`` counts images."""
    parts_M, begin = np.zeros(len(ends_M), np.int64), 0
    for part, fraction in enumerate(fractions, start=1):
        before = ends_M[begin - 1] if begin else 0
        target = before + max(1, round(fraction * int(ends_M[-1])))
        end = 1 + int(np.abs(ends_M - target).argmin())
        to_come = len(fractions) - part + 1  # each of which gets one, where there are as many
        end = max(begin, min(max(end, begin + 1), len(ends_M) - to_come))
        parts_M[begin:end] = part
        begin = end
    return parts_M


def _check(fractions: Mapping[str, float]) -> None:
    for name, fraction in fractions.items():
        if fraction not in (found := fraction_range(name)):
            raise UserError(f"data.{name}_fraction={fraction}: expected {found.expected}.")
    if sum(fractions.values()) >= 1:
        options = " and ".join(f"data.{name}_fraction={fraction}" for name, fraction in fractions.items())
        raise UserError(f"{options} leave nothing to train on: expected a sum below 1.")


def _together(split: Split) -> tuple[Digests, NDArray[np.int64]]:
    """What is not to be torn apart, U of them: the digest of each, and which one each image belongs to.

    Images of one content, or of one group; a group's digest is that of its name, whatever is in it.
    """
    digests_U, content_N = np.unique(split.digests_N, return_inverse=True)
    if split.groups_N is None:
        return digests_U, content_N
    groups_G, group_N = np.unique(split.groups_N, return_inverse=True)
    size = len(groups_G) + len(digests_U)  # a graph of groups and contents, an edge for each image
    edges = coo_array((np.ones(len(split)), (group_N, len(groups_G) + content_N)), shape=(size, size))
    _, component_M = connected_components(edges, directed=False)
    component_G = component_M[: len(groups_G)]
    least_U = np.full(component_M.max() + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(least_U, component_G, groups_G)
    content_N = component_G[group_N].astype(np.int64)
    largest = int(np.bincount(content_N).argmax())
    tied, images = int((component_G == largest).sum()), int((content_N == largest).sum())
    if tied > 1 and images > LARGE * len(split):
        log.warning(
            "%s of %s, with %s, have the same images byte by byte among them and stay in one split.",
            f"{tied:,}",
            counted(len(groups_G), "group"),
            counted(images, "image"),
        )
    return least_U, content_N


def _check_counts(
    split: Split, content_N: NDArray[np.int64], parts: Sequence[str], classes: Sequence[str]
) -> None:
    """Raise UserError for classes of which not every part would have an image, other than all others."""
    grouped = split.groups_N is not None
    if split.targets_NK is not None:
        if (count := len(np.unique(content_N))) < len(parts):
            raise UserError(
                f"Too few different {'groups' if grouped else 'images'}, {count}: {', '.join(parts)} take at "
                f"least one each, {len(parts)} in all."
            )
        return
    label_of_pairs = np.unique(np.stack([split.labels_N.numpy(), content_N]), axis=1)[0]
    labels, counts = np.unique(label_of_pairs, return_counts=True)
    short = [
        f"{classes[label]} ({count})"
        for label, count in zip(labels, counts, strict=True)
        if count < len(parts)
    ]
    if short:
        more = ", …" if len(short) > MAX_NAMED else ""
        kind = "groups with images" if grouped else "different images"
        raise UserError(
            f"Too few {kind} of {', '.join(short[:MAX_NAMED])}{more}: {', '.join(parts)} take "
            f"at least one of every class each, {len(parts)} in all. Add images, move the class "
            "folder elsewhere, or give splits of your own, <root>/{train,val,test}/<class>."
        )

"""The manifest of a run, ``splits.npz``: which images it was trained, validated and tested on.

Data change while a run stays. So an image that the run knows keeps its split, by its content or else by its
name; a new one gets that of its neighbour in the order of ``split.py``; and what has changed is told.

Axes: N images that are there now, R rows of the manifest.
"""

from __future__ import annotations

import io
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from pellucid.data.images import Split
from pellucid.data.split import Digests, order
from pellucid.errors import UserError, first_line, plain
from pellucid.system.files import read_arrays, write_atomically

SPLITS = ("train", "val", "test")
MAX_NAMED = 10  # of each kind of change
Row = tuple[int, int, str]  # digest, label, file


@dataclass(frozen=True)
class Manifest:
    """The R images of a run: digests of their content, splits (numbers of ``SPLITS``), labels, file names.

    ``labels_R`` are a split's ``codes_N``; ``groups_R`` those of images that have groups.
    """

    digests_R: Digests
    splits_R: np.ndarray
    labels_R: np.ndarray
    files: Sequence[str]
    groups_R: Digests | None = None

    @classmethod
    def of(cls, splits: Mapping[str, Split]) -> Manifest:
        """The images of the splits ``train``, ``val`` and ``test``."""
        numbered = [(number, splits[name]) for number, name in enumerate(SPLITS) if name in splits]
        return cls(
            np.concatenate([split.digests_N for _, split in numbered]),
            np.concatenate([np.full(len(split), number, np.uint8) for number, split in numbered]),
            np.concatenate([split.codes_N for _, split in numbered]),
            [file for _, split in numbered for file in split.files],
            _joined([split.groups_N for _, split in numbered]),
        )

    def save(self, path: Path) -> None:
        """As an .npz file."""
        content = io.BytesIO()
        names = np.frombuffer("\0".join(self.files).encode(errors="surrogateescape"), np.uint8)
        labels_R = self.labels_R.astype(np.int32)
        arrays = {"digest": self.digests_R, "split": self.splits_R, "label": labels_R, "files": names}
        if self.groups_R is not None:
            arrays["group"] = self.groups_R
        np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
        write_atomically(path, content.getbuffer())

    @classmethod
    def load(cls, path: Path) -> Manifest | None:
        """What ``save`` wrote; None where there is no file. Raises UserError for any other."""
        try:
            return cls._of_arrays(read_arrays(path))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError) as error:
            raise UserError(
                f"{path} is damaged ({first_line(error)}), so that nobody knows which images the run was "
                "trained on. Put it back; without that file the images are split as those of a new run."
            ) from error

    @classmethod
    def _of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Manifest:
        """Raises ValueError or KeyError for what ``save`` does not write: it may be a stranger's."""
        kinds = {"digest": np.uint64, "split": np.uint8, "label": np.int32, "files": np.uint8}
        for name, kind in kinds.items():
            if arrays[name].dtype != kind or arrays[name].ndim != 1:
                raise ValueError(f"{name} is an array of {arrays[name].dtype} {arrays[name].shape}")
        digests_R, splits_R, labels_R = (arrays[name] for name in ("digest", "split", "label"))
        files = arrays["files"].tobytes().decode(errors="surrogateescape").split("\0")
        groups_R = arrays.get("group")
        if groups_R is not None and (groups_R.dtype != np.uint64 or groups_R.shape != digests_R.shape):
            raise ValueError(f"group is an array of {groups_R.dtype} {groups_R.shape}")
        if not len(digests_R) == len(splits_R) == len(labels_R) == len(files):
            raise ValueError("its columns have different lengths")
        if splits_R.max(initial=0) >= len(SPLITS) or labels_R.min(initial=0) < 0:
            raise ValueError("it names splits or classes that there are not")
        return cls(digests_R, splits_R, labels_R.astype(np.int64), files, groups_R)

    def merged(self, splits: Mapping[str, Split]) -> Manifest:
        """With the images of the splits that are not in it yet: those that were trained on stay known."""
        now = Manifest.of(splits)
        known = set(zip(self.splits_R.tolist(), self.rows, strict=True))
        new = [
            k for k, row in enumerate(zip(now.splits_R.tolist(), now.rows, strict=True)) if row not in known
        ]
        if not new:
            return self
        return Manifest(
            np.concatenate([self.digests_R, now.digests_R[new]]),
            np.concatenate([self.splits_R, now.splits_R[new]]),
            np.concatenate([self.labels_R, now.labels_R[new]]),
            [*self.files, *(now.files[k] for k in new)],
            _joined([self.groups_R, None if now.groups_R is None else now.groups_R[new]]),
        )

    @cached_property
    def rows(self) -> list[Row]:
        return list(zip(self.digests_R.tolist(), self.labels_R.tolist(), self.files, strict=True))

    def knows(self, split: Split) -> np.ndarray:
        """Of each image, (N,), whether its content is known."""
        return np.isin(split.digests_N, self.digests_R)

    def take(self, pool: Split, parts: Sequence[str], seed: int) -> dict[str, Split]:
        """``train`` and the ``parts`` of a pool of images, divided as they were."""
        by_digest: dict[int, int] = {}
        for digest, number in sorted(
            zip(self.digests_R.tolist(), self.splits_R.tolist(), strict=True), reverse=True
        ):
            by_digest[digest] = number  # of several, the first: one that was trained on stays so
        by_file = dict(zip(self.files, self.splits_R.tolist(), strict=True))
        by_group: dict[int, int] = {}
        if self.groups_R is not None:
            by_group = dict(zip(self.groups_R.tolist(), self.splits_R.tolist(), strict=True))
        chosen_N = np.empty(len(pool), np.int64)
        new = []
        groups = itertools.repeat(None) if pool.groups_N is None else pool.groups_N.tolist()
        for k, (digest, file, group) in enumerate(zip(pool.digests_N.tolist(), pool.files, groups)):  # noqa: B905
            number = by_digest.get(digest, by_file.get(file, by_group.get(group)))
            if number is None:
                new.append(k)
            else:
                chosen_N[k] = number
        chosen_N[new] = self._neighbours(pool.subset(torch.tensor(new, dtype=torch.long)), seed)
        allowed = {SPLITS.index(name) for name in parts}
        chosen_N[~np.isin(chosen_N, list(allowed))] = 0  # whose split is a folder of its own now
        numbers = {name: SPLITS.index(name) for name in ("train", *parts)}
        return {n: pool.subset(torch.from_numpy(np.flatnonzero(chosen_N == k))) for n, k in numbers.items()}

    def _neighbours(self, new: Split, seed: int) -> np.ndarray:
        """Of images that are not known, the split of the known one before them in the class's order."""
        keys_R, keys_N = order(self.digests_R, seed), order(new.digests_N, seed)
        labels_R, labels_N = self.labels_R, new.labels_N.numpy()
        grouped = new.groups_N is not None and self.groups_R is not None
        if new.groups_N is not None and self.groups_R is not None:
            keys_R, keys_N = order(self.groups_R, seed), order(new.groups_N, seed)
        if grouped or new.targets_NK is not None:  # one order of all: of no class, or of several
            labels_R, labels_N = np.zeros_like(labels_R), np.zeros_like(labels_N)
        found_N = np.zeros(len(new), np.int64)
        for label in np.unique(labels_N).tolist():
            of_class_N = labels_N == label
            rows_M = np.flatnonzero(labels_R == label)
            if len(rows_M):
                rows_M = rows_M[np.argsort(keys_R[rows_M])]
                before = np.searchsorted(keys_R[rows_M], keys_N[of_class_N], side="right") - 1
                found_N[of_class_N] = self.splits_R[rows_M[before.clip(0)]]
        return found_N

    def class_counts(self, classes: int) -> np.ndarray:
        """The training images of each class, (K,) int64. Of images that have a class."""
        labels_M = self.labels_R[self.splits_R == SPLITS.index("train")]
        return np.bincount(labels_M[labels_M < classes], minlength=classes)

    def of_split(self, name: str) -> Digests:
        """The contents that are known as those of that split."""
        digests: Digests = self.digests_R[self.splits_R == SPLITS.index(name)]
        return digests

    def changes(self, splits: Mapping[str, Split], classes: Sequence[str]) -> Changes:
        """What has become of the images since the manifest was written."""
        now = {row: name for name, split in splits.items() for row in _rows(split)}
        known = set(self.rows)
        fresh = {row: name for row, name in now.items() if row not in known}
        if not fresh and len(now) == len(known):
            return Changes()
        old_files, old_labels, old_splits = defaultdict(list), defaultdict(set), defaultdict(set)
        for (digest, label, file), number in zip(self.rows, self.splits_R.tolist(), strict=True):
            old_files[digest].append(file)
            old_labels[digest].add(label)
            old_splits[digest].add(SPLITS[number])
        old_names, now_names = set(self.files), {file for _, _, file in now}
        since = Changes()
        for (digest, label, file), name in fresh.items():
            if digest not in old_files:
                (since.changed if file in old_names else since.added).append(file)
            elif name not in old_splits[digest]:
                since.moved.append(f"{file} (to {name} from {', '.join(sorted(old_splits[digest]))})")
            elif label not in old_labels[digest]:
                before = ", ".join(classes[old] for old in old_labels[digest] if old < len(classes))
                since.relabelled.append(f"{file} (was {before or 'another'})")
            elif all(old in now_names for old in old_files[digest]):
                since.copied.append(f"{file} (as {old_files[digest][0]})")
            else:
                gone = next(old for old in old_files[digest] if old not in now_names)
                since.renamed.append(f"{gone} to {file}")
        contents = {digest for digest, _, _ in now}
        for digest, _, file in self.rows:
            if file not in now_names and digest not in contents:
                since.removed.append(file)
        return since


@dataclass(frozen=True)
class Changes:
    """Images by kind of change, each named by its file; the gravest kinds of what stayed come first."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)  # to another split
    renamed: list[str] = field(default_factory=list)
    relabelled: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def summary(self) -> str:
        """One line: ``2 added (a.jpg, b.jpg); 1 renamed (c.jpg to d.jpg)``; empty where nothing changed."""
        return "; ".join(
            f"{len(files)} {kind} ({first_names(sorted(files))})"
            for kind, files in vars(self).items()
            if files
        )

    def counts(self) -> dict[str, int]:
        return {kind: len(files) for kind, files in vars(self).items() if files}


def first_names(files: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f", and {len(files) - MAX_NAMED:,} more" if len(files) > MAX_NAMED else ""
    return ", ".join(map(plain, files[:MAX_NAMED])) + more


def _joined(parts: Sequence[Digests | None]) -> Digests | None:
    """Groups one after the other; none where a part has none."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


def _rows(split: Split) -> Iterable[Row]:
    return zip(split.digests_N.tolist(), split.codes_N.tolist(), split.files, strict=True)

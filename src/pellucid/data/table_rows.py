"""The images that a table lists: files, splits, labels, groups and weights, all its mistakes told at once.

Axes: N rows, K classes, labels or numbers.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.data.folder import split_of
from pellucid.data.images import as_digests
from pellucid.data.manifest import SPLITS
from pellucid.data.opening import EXTENSIONS
from pellucid.data.table_columns import Columns
from pellucid.data.table_file import Rows
from pellucid.data.table_labels import OTHER, Labels
from pellucid.errors import UserError, counted, plain
from pellucid.inside.images import UNKNOWN
from pellucid.spec import CLASS, MULTILABEL, NUMBERS

log = logging.getLogger(__name__)

MAX_NAMED = 10  # classes
SHOWN = 3  # rows of each kind of mistake
LISTED = 16  # files of a folder, from which on it is listed as a whole
SEARCHED = 50  # folders beside, where missing files may be
ADDRESS = re.compile(r"\w+://")


@dataclass(frozen=True)
class Listing:
    """The N images that a table lists, each once, by their names from ``root`` on.

    ``splits`` maps train, val, test to positions, or ``all`` where there is no column of them.
    """

    root: Path
    names: Sequence[str]
    labels: Labels
    splits: Mapping[str, NDArray[np.int64]]
    groups_N: NDArray[np.uint64] | None = None
    weights_N: NDArray[np.float32] | None = None


@dataclass
class Mistakes:
    """What is wrong in a table, by kind, with the lines of the first rows that have it.

    ``file`` is the column of files.
    """

    path: Path
    rows: Rows
    file: str
    texts: list[str] = field(default_factory=list)

    def add(self, what: str, wrong: Sequence[int], column: str = "", remedy: str = "") -> None:
        """Rows of which ``what`` is to be said, and what they have in that column, or else their file."""
        if len(wrong) == 0:
            return
        columns = self.rows.columns
        texts = [(column and columns[column][n]) or columns[self.file][n] for n in wrong[:SHOWN]]
        shown = [f"line {self.rows.lines[n]}: {text}" for n, text in zip(wrong, texts, strict=False)]
        self.say(f"{counted(len(wrong), 'row')} {what}", shown, len(wrong), remedy)

    def say(self, text: str, shown: Sequence[str], count: int, remedy: str = "") -> None:
        """Any other mistake, of which so many are there and some are shown."""
        more = f"; and {count - len(shown):,} more" if count > len(shown) else ""
        end = f". {remedy}" if remedy else ""
        self.texts.append(plain(f"{text} ({'; '.join(shown)}{more}){end}"))

    def tell(self) -> None:
        """Raise UserError with all of them, where there are any."""
        if self.texts:
            kinds = "1 mistake" if len(self.texts) == 1 else f"{len(self.texts)} kinds of mistakes"
            lines = "".join(f"\n  {text}" for text in self.texts)
            raise UserError(
                f"data.path={self.path}: {kinds} in the table's "
                f"{counted(len(self.rows), 'row')}; mend them there:{lines}"
            )


def list_images(
    path: Path,
    rows: Rows,
    columns: Columns,
    labels: Labels,
    root: Path,
    *,
    training: bool = True,
    min_images: int = 1,
) -> Listing:
    """The images of the table at ``path``. Raises UserError, with all mistakes at once.

    ``training``: a new run is to be trained on them, so that every class needs images and every number
    several values; classes of fewer than ``min_images`` training images are left out of it.
    """
    mistakes = Mistakes(path, rows, columns.file)
    if rows.ragged:
        what = f"{counted(len(rows.ragged), 'line')} with another number of cells than the first line"
        shown = [f"line {number}: {text[:60]}" for number, text in list(rows.ragged.items())[:SHOWN]]
        mistakes.say(what, shown, len(rows.ragged))
    names = _names(rows.columns[columns.file], root)
    _check_files(names, root, columns.file, mistakes)
    label = columns.label[0] if len(columns.label) == 1 else ""
    for what, wrong in labels.wrong.items():
        mistakes.add(what, wrong, label)
    splits_N = _splits(rows, columns, mistakes)
    groups_N = _groups(rows, columns, names, splits_N, mistakes)
    weights_N = _weights(rows, columns, mistakes)
    labels, kept_N = _without_copies(names, root, labels, (splits_N, groups_N, weights_N), columns, mistakes)
    kept_N &= labels.codes_N != OTHER
    if training:
        labels = _without_few(labels, kept_N, splits_N, min_images)
        kept_N &= labels.codes_N != OTHER
        _check_trainable(labels, kept_N, splits_N, mistakes)
    elif labels.kind != NUMBERS and not _counts(labels, kept_N).any():
        what = f"no row has any of {', '.join(labels.classes[:MAX_NAMED])} in {', '.join(columns.label)}"
        mistakes.say(what, [f"there are {', '.join(labels.left_out[:MAX_NAMED]) or 'none'}"], 1)
    mistakes.tell()
    index_M = np.flatnonzero(kept_N)
    return _listing(root, names, labels, splits_N, groups_N, weights_N, index_M)


def _listing(
    root: Path,
    names: Sequence[str],
    labels: Labels,
    splits_N: NDArray[np.int64] | None,
    groups_N: NDArray[np.uint64] | None,
    weights_N: NDArray[np.float32] | None,
    index_M: NDArray[np.int64],
) -> Listing:
    """Of the rows those with these numbers."""
    splits = {"all": np.arange(len(index_M))}
    if splits_N is not None:
        of_split = {name: np.flatnonzero(splits_N[index_M] == k) for k, name in enumerate(SPLITS)}
        splits = {name: index for name, index in of_split.items() if len(index)}
    whole = len(index_M) == len(names)
    return Listing(
        root,
        names if whole else [names[n] for n in index_M.tolist()],
        replace(
            labels,
            codes_N=labels.codes_N[index_M],
            targets_NK=None if labels.targets_NK is None else labels.targets_NK[index_M],
        ),
        splits,
        None if groups_N is None else groups_N[index_M],
        None if weights_N is None else weights_N[index_M],
    )


def _names(column: Sequence[str], root: Path) -> Sequence[str]:
    """The files' names as this system has them, with the ending that all lack, where one is there."""
    first = next((text for text in column if text), "")
    if os.sep == "/" and "\\" in first and not os.path.exists(os.path.join(root, first)):  # noqa: PTH110, PTH118
        column = [text.replace("\\", "/") for text in column]
        first = first.replace("\\", "/")
    if not first or Path(first).suffix.lower() in EXTENSIONS or (root / first).exists():
        return column
    ending = next(
        (e for e in sorted(EXTENSIONS) for e in (e, e.upper()) if (root / (first + e)).is_file()), ""
    )
    if ending:
        log.info("The table's files have no ending: %s is added.", ending)
    return [text and text + ending for text in column]


def _check_files(names: Sequence[str], root: Path, column: str, mistakes: Mistakes) -> None:
    empty = [n for n, name in enumerate(names) if not name]
    mistakes.add(f"without a file in {column}", empty)
    missing = _missing(names, root)
    addresses = [n for n in missing if ADDRESS.match(names[n])]
    mistakes.add("whose file is an address; load them down first", addresses, column)
    absent = [n for n in missing if not ADDRESS.match(names[n])]
    if absent:
        place = next(_places(root, names[absent[0]]), None)
        remedy = f"In {place} the first one is: data.root={place}?" if place else ""
        mistakes.add(f"whose file is not there, looked for in {root}", absent, column, remedy)


def _missing(names: Sequence[str], root: Path) -> list[int]:
    """The rows whose file is not there; of folders with many files the list is read once."""
    rows_of: dict[str, list[int]] = defaultdict(list)
    for n, name in enumerate(names):
        folder, sign, last = name.rpartition(os.sep)
        if last:
            rows_of[folder + sign].append(n)
    missing = []
    for folder, rows in rows_of.items():
        there: set[str] = set()
        if len(rows) >= LISTED:
            with suppress(OSError):
                there = set(os.listdir(os.path.join(root, folder)))  # noqa: PTH118, PTH208
        unlisted = [n for n in rows if names[n][len(folder) :] not in there]
        missing += [n for n in unlisted if not os.path.isfile(os.path.join(root, names[n]))]  # noqa: PTH113, PTH118
    return sorted(missing)


def _places(root: Path, name: str) -> Iterator[Path]:
    """Folders near the root where a file of this name is."""
    near = [root.parent]
    for folder in (root, root.parent):
        try:
            near += sorted(path for path in folder.iterdir() if path.is_dir())[:SEARCHED]
        except OSError:
            continue
    for place in near:
        if place != root and (place / name).is_file():
            yield place


def _splits(rows: Rows, columns: Columns, mistakes: Mistakes) -> NDArray[np.int64] | None:
    """The number, of ``SPLITS``, of the split of each row; -1 where it is none."""
    if columns.split is None:
        return None
    column = rows.columns[columns.split]
    number_of = {
        text: SPLITS.index(split_of(text) or "train") if split_of(text) else -1 for text in {*column}
    }
    splits_N = np.fromiter((number_of[text] for text in column), np.int64, len(column))
    mistakes.add(
        f"whose {columns.split} is none of {', '.join(SPLITS)}",
        np.flatnonzero(splits_N < 0).tolist(),
        columns.split,
        "data.split=null takes the column for none",
    )
    return splits_N


def _groups(
    rows: Rows,
    columns: Columns,
    names: Sequence[str],
    splits_N: NDArray[np.int64] | None,
    mistakes: Mistakes,
) -> NDArray[np.uint64] | None:
    """A digest of each row's group; of a row without one that of its file, so that it is one of its own."""
    if columns.group is None:
        return None
    column = rows.columns[columns.group]
    texts = {text: f"group\0{text}" for text in {*column} if text}
    if splits_N is not None:
        pairs = {
            (text, split)
            for text, split in zip(column, splits_N.tolist(), strict=True)
            if text and split >= 0
        }
        of_group: dict[str, list[str]] = defaultdict(list)
        for text, split in sorted(pairs):
            of_group[text].append(SPLITS[split])
        torn = {text: splits for text, splits in of_group.items() if len(splits) > 1}
        if torn:
            shown = [f"{text}: {' and '.join(splits)}" for text, splits in list(torn.items())[:SHOWN]]
            what = f"{counted(len(torn), 'group')} of {columns.group} in two splits"
            mistakes.say(what, shown, len(torn), "data.group=null or data.split=null takes one for none")
    order = {text: k for k, text in enumerate(texts)}
    digests = as_digests(hashlib.sha256(name.encode()).digest() for name in texts.values())
    alone = [n for n, text in enumerate(column) if not text]
    index_N = np.fromiter((order.get(text, 0) for text in column), np.int64, len(column))
    groups_N = digests[index_N] if len(digests) else np.zeros(len(column), np.uint64)
    groups_N[alone] = as_digests(hashlib.sha256(os.fsencode(names[n])).digest() for n in alone)
    return groups_N


def _weights(rows: Rows, columns: Columns, mistakes: Mistakes) -> NDArray[np.float32] | None:
    if columns.weight is None:
        return None
    column = rows.columns[columns.weight]
    value_of = {text: rows.number(text) for text in {*column}}
    values_N = np.array([np.nan if (v := value_of[text]) is None else v for text in column], np.float32)
    wrong = np.flatnonzero(~np.isfinite(values_N) | (values_N < 0)).tolist()
    what = f"whose {columns.weight}, the weight in the training loss, is not 0 or more"
    mistakes.add(what, wrong, columns.weight, "data.weight=null takes the column for none")
    if not wrong and not values_N.any():
        mistakes.say(f"all weights of {columns.weight} are 0", [f"{len(values_N):,} rows"], 1)
    return values_N


def _without_copies(
    names: Sequence[str],
    root: Path,
    labels: Labels,
    others: Sequence[NDArray[np.generic] | None],
    columns: Columns,
    mistakes: Mistakes,
) -> tuple[Labels, NDArray[np.bool_]]:
    """The first row of each file; of labels in one column, of which an image may have several, all rows'."""
    kept_N = np.ones(len(names), bool)
    keys = names
    if any(name.startswith("/") or "./" in name or "//" in name or os.sep != "/" for name in names):
        keys = [_key(name, root) for name in names]
    if len({*keys}) == len(keys):
        return labels, kept_N
    first_of: dict[str, int] = {}
    pairs = [
        (n, first) for n, key in enumerate(keys) if (first := first_of.setdefault(key, n)) != n and names[n]
    ]
    copies, firsts = np.array(pairs, np.int64).reshape(-1, 2).T
    kept_N[copies] = False
    differ_M = np.zeros(len(pairs), bool)
    for values_N in others:
        if values_N is not None:
            differ_M |= (values_N[copies] != values_N[firsts]) & (values_N[copies] == values_N[copies])
    joined = labels.kind == MULTILABEL and len(columns.label) == 1 and labels.targets_NK is not None
    if joined:
        assert labels.targets_NK is not None
        targets_NK = labels.targets_NK.copy()
        np.logical_or.at(targets_NK, firsts, targets_NK[copies])
        labels = replace(labels, targets_NK=targets_NK)
    else:
        differ_M |= labels.codes_N[copies] != labels.codes_N[firsts]
        if (targets := labels.targets_NK) is not None:
            differ_M |= ((targets[copies] != targets[firsts]) & (targets[copies] == targets[copies])).any(
                axis=1
            )
    wrong = np.flatnonzero(differ_M).tolist()
    if wrong:
        lines = mistakes.rows.lines
        shown = [
            f"lines {lines[firsts[m]]} and {lines[copies[m]]}: {names[copies[m]]}" for m in wrong[:SHOWN]
        ]
        remedy = "Where an image has several labels: data.labels=multilabel" if labels.kind == CLASS else ""
        what = f"{counted(len(wrong), 'row')} of files that other rows have with other labels, split, …"
        mistakes.say(what, shown, len(wrong), remedy)
    elif len(pairs):
        what = "their labels joined" if joined else "counted once"
        log.info("%d rows of the table are of files that other rows have, too: %s.", len(pairs), what)
    return labels, kept_N


def _key(name: str, root: Path) -> str:
    """Alike for two ways to write a file's name."""
    return os.path.normcase(os.path.normpath(os.path.join(root, name)))  # noqa: PTH118


def _trained_on(kept_N: NDArray[np.bool_], splits_N: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    """The rows that training images are taken from."""
    return kept_N if splits_N is None else kept_N & (splits_N == SPLITS.index("train"))


def _counts(labels: Labels, rows_N: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of those rows how many have each class or label, (K,)."""
    if labels.targets_NK is not None:
        return labels.targets_NK[rows_N].sum(axis=0)  # type: ignore[no-any-return]
    codes_M = labels.codes_N[rows_N]
    return np.bincount(codes_M[codes_M >= 0], minlength=len(labels.classes))


def _without_few(
    labels: Labels, kept_N: NDArray[np.bool_], splits_N: NDArray[np.int64] | None, min_images: int
) -> Labels:
    """Without the classes or labels of fewer training images."""
    if labels.kind == NUMBERS or min_images <= 1:
        return labels
    chosen_K = _counts(labels, _trained_on(kept_N, splits_N)) >= min_images
    if chosen_K.all():
        return labels
    few = counted(int((~chosen_K).sum()), "class" if labels.kind == CLASS else "label")
    log.info("Fewer than %d training images: %s, left out.", min_images, few)
    classes = tuple(name for name, chosen in zip(labels.classes, chosen_K, strict=True) if chosen)
    if labels.targets_NK is not None:
        return replace(labels, classes=classes, targets_NK=labels.targets_NK[:, chosen_K])
    code_of = np.append(np.where(chosen_K, chosen_K.cumsum() - 1, OTHER), [OTHER, UNKNOWN])
    return replace(labels, classes=classes, codes_N=code_of[labels.codes_N])


def _check_trainable(
    labels: Labels, kept_N: NDArray[np.bool_], splits_N: NDArray[np.int64] | None, mistakes: Mistakes
) -> None:
    """Add what cannot be learned: classes and labels with too few images, numbers that are all alike."""
    if labels.kind == NUMBERS:
        assert labels.targets_NK is not None
        values_MK = labels.targets_NK[kept_N]
        alike = [
            n for n, values in zip(labels.classes, values_MK.T, strict=True) if len({*values.tolist()}) == 1
        ]
        if alike:
            shown = [f"{name}: {values_MK[0, labels.classes.index(name)]:g}" for name in alike[:SHOWN]]
            mistakes.say(f"{counted(len(alike), 'number')} alike in all rows", shown, len(alike))
        return
    given = {SPLITS[k] for k in np.unique(splits_N).tolist() if k >= 0} if splits_N is not None else set()
    parts = (
        ["train", *(name for name in SPLITS[1:] if name not in given)] if labels.kind == CLASS else ["train"]
    )
    counts_K = _counts(labels, _trained_on(kept_N, splits_N))
    few = [name for name, count in zip(labels.classes, counts_K.tolist(), strict=True) if count < len(parts)]
    if few and (splits_N is None or "train" in given):
        shown = [f"{name}: {counts_K[labels.classes.index(name)]}" for name in few[:SHOWN]]
        noun = "class" if labels.kind == CLASS else "label"
        what = f"{counted(len(few), noun)} with fewer than {counted(len(parts), 'image')} to train on"
        reason = f": {', '.join(parts)} take one each" if len(parts) > 1 else ""
        least = max(2, len(parts))  # 1 leaves none out
        mistakes.say(what + reason, shown, len(few), f"data.min_images={least} leaves them out")
    if labels.kind == CLASS and len(labels.classes) < 2:
        found = f"only the class '{labels.classes[0]}'" if labels.classes else "no class"
        mistakes.say(f"{found}; at least two are needed", ["data.label=<column> names another column"], 1)

"""What the labels of a table are, classes, several labels or numbers, and what each row has of them.

Axes: N rows, K classes, labels or numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pellucid.data.table_columns import is_label_name
from pellucid.data.table_file import FLAGS, LIST, MISSING, WHOLE, Rows
from pellucid.errors import UserError, did_you_mean
from pellucid.inside.images import UNKNOWN
from pellucid.spec import CLASS, MULTILABEL, NUMBERS

OTHER = UNKNOWN - 1  # the code of a class that is not among those asked for
SEPARATORS = (LIST, "|", ";", ",", " ")  # of labels in a cell; the last one only where it is asked for
FEW = 2  # values that make whole numbers classes, whatever the column is called
PIN = "data.labels=class|multilabel|numbers"


@dataclass(frozen=True)
class Labels:
    """The labels of N rows: their kind, one of ``spec.LABELS``; names; and of each row the ``codes_N`` of its
    class, or ``targets_NK``, bool or float32.

    ``wrong``: by what is wrong, the rows that have it. ``note``: why the kind was chosen, where another
    might have been. ``left_out``: names that others were asked for in place of.
    """

    kind: str
    classes: tuple[str, ...]
    codes_N: NDArray[np.int64]
    targets_NK: NDArray[np.generic] | None = None
    wrong: Mapping[str, list[int]] = field(default_factory=dict)
    note: str = ""
    left_out: tuple[str, ...] = ()


def read_labels(
    rows: Rows, names: Sequence[str], asked: str = "auto", classes: Sequence[str] | None = None
) -> Labels:
    """The labels in the columns of these ``names``: of the kind that is asked for, else what they look like.

    ``classes`` are those that are looked for, in this order. Raises UserError where there is no such kind.
    """
    kind, note = (asked, "") if asked != "auto" else _kind(rows, names)
    if asked == "auto" and kind == NUMBERS and classes and not {*classes} <= {*names}:
        kind = CLASS  # whose numbers are the classes
    if kind == CLASS:
        return (
            _one_hot(rows, names, classes, note)
            if len(names) > 1
            else _classes(rows, names[0], classes, note)
        )
    if kind == NUMBERS:
        return _numbers(rows, names, classes, note)
    if kind == MULTILABEL:
        if len(names) > 1:
            return _flags(rows, names, classes, note)
        return _separated(rows, names[0], classes, note)
    raise UserError(f"data.labels={asked}: expected auto, {CLASS}, {MULTILABEL} or {NUMBERS}.")


def _kind(rows: Rows, names: Sequence[str]) -> tuple[str, str]:
    """What the columns look like, and where that is not clear why."""
    kinds = {rows.kinds[name] for name in names}
    if len(names) > 1:
        if kinds == {"flag"}:
            ones = np.array([[FLAGS.get(text.lower(), False) for text in rows.columns[n]] for n in names])
            if (ones.sum(axis=0) == 1).all():
                return CLASS, "each row has 1 in exactly one column, so these are classes"
            return MULTILABEL, ""
        if kinds <= {"flag", "integer", "number"}:
            return NUMBERS, ""
        texts = [name for name in names if rows.kinds[name] not in ("flag", "integer", "number")]
        raise UserError(
            f"data.label={list(names)}: several columns are labels of 0 and 1, or numbers, but "
            f"{', '.join(texts)} holds texts. Expected one column of classes, as data.label={texts[0]}."
        )
    name, (kind,) = names[0], kinds
    if kind == "list":
        return MULTILABEL, ""
    if kind in ("text", "empty"):
        separator = _separator(set(rows.columns[name]))
        return (MULTILABEL, f"the texts hold several labels with '{separator}'") if separator else (CLASS, "")
    if kind == "flag":
        return CLASS, ""
    if kind == "number":
        return NUMBERS, ""
    distinct = len(set(rows.columns[name]))
    few = distinct <= FEW or (is_label_name(name) and 2 * distinct <= len(rows))
    if few:
        return CLASS, f"{distinct} whole numbers are taken for classes"
    return NUMBERS, "whole numbers are taken for numbers to predict"


def _separator(values: set[str]) -> str | None:
    """What separates labels, where some of those that share a cell are met in other cells, too.

    A comma, which names of classes hold as well, where most are.
    """
    for separator in SEPARATORS[1:-1]:
        parted = [value for value in values if separator in value]
        met = Counter(part for value in values for part in {*_parts(value, separator)})
        shared = {part for value in parted for part in _parts(value, separator)}
        again = sum(met[part] > 1 for part in shared)
        if parted and again and (separator != "," or 2 * again >= len(shared)):
            return separator
    return None


def _parts(text: str, separator: str) -> list[str]:
    return [part for part in map(str.strip, text.split(separator)) if part]


def natural(names: set[str]) -> list[str]:
    """Sorted; whole numbers by their size."""
    if all(re.fullmatch(r"[+-]?\d+", name) for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def _classes(rows: Rows, name: str, classes: Sequence[str] | None, note: str) -> Labels:
    column = rows.columns[name]
    texts = {text: text for text in {*column}}
    if rows.kinds[name] in ("flag", "integer"):
        if any("." in text for text in texts):  # 1.0, as whole numbers beside empty cells are written
            texts = {t: str(int(float(t))) if WHOLE.fullmatch(t) else t for t in texts}
        texts |= {text: "" for text in texts if text.lower() in MISSING}
    present = {*texts.values()} - {""}
    order = list(classes) if classes else natural(present)
    code = {"": UNKNOWN, **{name: number for number, name in enumerate(order)}}
    code_of = {text: code.get(name, OTHER) for text, name in texts.items()}
    codes_N = np.fromiter((code_of[text] for text in column), np.int64, len(column))
    wrong = {"without a label": np.flatnonzero(codes_N == UNKNOWN).tolist()}
    left_out = tuple(sorted(present - set(order)))
    return Labels(CLASS, tuple(order), codes_N, wrong=wrong, note=note, left_out=left_out)


def _one_hot(rows: Rows, names: Sequence[str], classes: Sequence[str] | None, note: str) -> Labels:
    found = _flags(rows, _chosen(names, classes), None, note)
    assert found.targets_NK is not None
    ones_N = found.targets_NK.sum(axis=1)
    codes_N = np.where(ones_N == 1, found.targets_NK.argmax(axis=1), OTHER if classes else UNKNOWN)
    several = np.flatnonzero(ones_N > 1).tolist()
    none = [] if classes else np.flatnonzero(ones_N == 0).tolist()
    wrong = {**found.wrong, "with 1 in none of the columns of classes": none}
    wrong["with 1 in several columns of classes (data.labels=multilabel allows it)"] = several
    left_out = tuple(name for name in names if name not in found.classes)
    return Labels(CLASS, found.classes, codes_N, wrong=wrong, note=note, left_out=left_out)


def _flags(rows: Rows, names: Sequence[str], classes: Sequence[str] | None, note: str) -> Labels:
    order = _chosen(names, classes)
    targets_NK = np.zeros((len(rows), len(order)), bool)
    wrong: dict[str, list[int]] = {}
    for number, name in enumerate(order):
        column = rows.columns[name]
        flag_of = {text: FLAGS.get(text.lower()) for text in {*column}}
        targets_NK[:, number] = [flag_of[text] or False for text in column]
        strange = {text for text, flag in flag_of.items() if flag is None and text.lower() not in MISSING}
        if strange:
            wrong[f"with neither 0 nor 1 in {name}"] = [n for n, text in enumerate(column) if text in strange]
    codes_N = np.full(len(rows), UNKNOWN)
    left_out = tuple(name for name in names if name not in order)
    return Labels(MULTILABEL, tuple(order), codes_N, targets_NK, wrong, note, left_out)


def _chosen(names: Sequence[str], classes: Sequence[str] | None) -> list[str]:
    """The columns that are called as the classes; all without. Raises UserError where some are missing."""
    for name in classes or ():
        if name not in names:
            raise UserError(
                f"data.classes: {name} is none of the columns of labels, {', '.join(names)}."
                f"{did_you_mean(name, names)}"
            )
    return list(classes or names)


def _separated(rows: Rows, name: str, classes: Sequence[str] | None, note: str) -> Labels:
    """The labels in the cells of one column; an empty one has none."""
    column = rows.columns[name]
    values = {*column}
    separator = next((s for s in SEPARATORS if any(s in value for value in values)), LIST)
    parts_of = {value: _parts(value, separator) for value in values}
    present = {part for parts in parts_of.values() for part in parts}
    order = list(classes) if classes else natural(present)
    number_of = {label: number for number, label in enumerate(order)}
    targets_VK = np.zeros((len(values), len(order)), bool)  # of the V different cells
    for row_K, parts in zip(targets_VK, parts_of.values(), strict=True):
        row_K[[number_of[part] for part in parts if part in number_of]] = True
    row_of = {value: row for row, value in enumerate(parts_of)}
    targets_NK = targets_VK[np.fromiter((row_of[value] for value in column), np.int64, len(column))]
    codes_N, left_out = np.full(len(rows), UNKNOWN), tuple(sorted(present - set(order)))
    return Labels(MULTILABEL, tuple(order), codes_N, targets_NK, note=note, left_out=left_out)


def _numbers(rows: Rows, names: Sequence[str], classes: Sequence[str] | None, note: str) -> Labels:
    order = _chosen(names, classes)
    values_NK = np.empty((len(rows), len(order)), np.float32)
    wrong: dict[str, list[int]] = {}
    for number, name in enumerate(order):
        column = rows.columns[name]
        value_of = {text: rows.number(text) for text in {*column}}
        with np.errstate(over="ignore"):  # beyond float32 it is infinite, which is told
            values_NK[:, number] = [np.inf if (v := value_of[text]) is None else v for text in column]
        values_N = values_NK[:, number]
        none, no_number = np.flatnonzero(np.isnan(values_N)), np.flatnonzero(np.isinf(values_N))
        if len(none):
            wrong[f"without a number in {name}"] = none.tolist()
        if len(no_number):
            wrong[f"with no finite number in {name}"] = no_number.tolist()
    codes_N, left_out = np.full(len(rows), UNKNOWN), tuple(n for n in names if n not in order)
    return Labels(NUMBERS, tuple(order), codes_N, values_NK, wrong, note, left_out)

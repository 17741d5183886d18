"""Labels of anybody's items, whatever form they come in: a class each, several labels, or numbers.

Axes: K labels or numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from pellucid.data.items import ItemError, shown
from pellucid.spec import CLASS, LABELS, MULTILABEL, NUMBERS

AUTO = "auto"
PIN = "data.labels=class|multilabel|numbers"
EXPECTED = {MULTILABEL: "0 or 1 for each of several labels", NUMBERS: "finite numbers"}
Number = int | float
Label = int | str | tuple[Number, ...]  # a class's number or name; labels as 0 and 1, or numbers, (K,)
Found = Number | str | tuple[Number, ...]  # before it is known which


def found_label(value: Any) -> Found:
    """What an item's label holds: a name, a number, or several. Raises ItemError for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, Tensor | np.ndarray | np.generic):
        value = (value.detach().cpu() if isinstance(value, Tensor) else np.asarray(value)).flatten().tolist()
    if isinstance(value, list | tuple) and len(value) == 1:
        return found_label(value[0])
    if isinstance(value, int | float):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(part, int | float) for part in value):
        return tuple(value)
    raise ItemError(
        f"has the label {shown(value)}. Expected the number of a class, or its name; 0 or 1 for each of "
        "several labels; or numbers."
    )


def kind_of(found: Sequence[Found]) -> str:
    """What such labels are, one of ``LABELS``: numbers where some have a fraction; of several of 0 and 1 the
    labels, classes where each has 1 in exactly one place.
    """
    rows = [label if isinstance(label, tuple) else (label,) for label in found]
    if any(isinstance(label, str) for label in found) or len({len(row) for row in rows}) > 1:
        return CLASS  # those that are none are told
    values = [value for row in rows for value in row if not isinstance(value, str)]
    if len(rows[0]) > 1 and all(value in (0, 1) for value in values):
        return CLASS if all(sum(map(bool, row)) == 1 for row in rows) else MULTILABEL
    has_fraction = any(math.isfinite(value) and value != int(value) for value in values)
    return NUMBERS if has_fraction or len(rows[0]) > 1 else CLASS


def label_of(value: Any, kind: str = CLASS) -> Label:
    """The label of an item as that ``kind``. Raises ItemError where it is none."""
    found = found_label(value)
    if kind == CLASS:
        return _class_of(found)
    row = found if isinstance(found, tuple) else (found,)
    if any(isinstance(part, str) for part in row):
        raise ItemError(f"has the label {shown(found)}. Expected {EXPECTED[kind]}.")
    numbers = tuple(part for part in row if not isinstance(part, str))
    if kind == MULTILABEL and not all(number in (0, 1) for number in numbers):
        raise ItemError(f"has the labels {shown(list(row))}. Expected {EXPECTED[kind]}.")
    if not all(map(math.isfinite, numbers)):
        raise ItemError(f"has the label {shown(found)}. Expected {EXPECTED[kind]}.")
    return numbers


def _class_of(found: Found) -> int | str:
    if isinstance(found, str):
        return found
    if isinstance(found, tuple):
        ones = [place for place, value in enumerate(found) if value == 1]
        if len(ones) == 1 and all(value in (0, 1) for value in found):
            return ones[0]
        raise ItemError(
            f"has a label of {len(found)} numbers, {shown(list(found))}. Expected one class an image, its "
            f"number, its name or 1 in its place alone; data.labels={MULTILABEL} or {NUMBERS} allows others."
        )
    if math.isfinite(found) and found == int(found):
        return int(found)
    raise ItemError(
        f"has the label {shown(found)}. Expected the number of a class, or its name; "
        f"data.labels={NUMBERS} allows others."
    )


def check_kind(labels: str) -> None:
    """Raise ValueError for what is no kind of labels."""
    if labels not in (AUTO, *LABELS):
        raise ValueError(f"expected {AUTO}, {', '.join(LABELS)}")

"""Class names and labels of a data set, without decoding an image; through Subset, ConcatDataset, wrappers.

Axes: N images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset, Subset, TensorDataset

from pellucid.errors import plain

LABEL_ATTRIBUTES = ("targets", "labels", "_labels", "y")
LABEL_COLUMNS = ("label", "labels", "fine_label", "target")


def layers_of(dataset: Any) -> Iterator[Any]:
    """The data set and those that it wraps, outermost first."""
    yield dataset
    parts = dataset.datasets if isinstance(dataset, ConcatDataset) else [_wrapped(dataset)]
    for part in parts:
        if part is not None:
            yield from layers_of(part)


def data_set_name(dataset: Any) -> str:
    """The class of the innermost data set."""
    *_, innermost = layers_of(dataset)
    return type(innermost).__name__


def class_names(dataset: Any) -> tuple[str, ...]:
    """Names of the classes in the order of their numbers, each of one line; none where it has none."""
    for layer in layers_of(dataset):
        for found in (
            _listed_names(getattr(layer, "classes", None)),
            _by_number(getattr(layer, "class_to_idx", None)),
            *(getattr(column, "names", None) for column in _label_columns(layer)),
            getattr(layer, "class_names", None),
        ):
            if names := _as_names(found):
                return names
    return ()


def names_of_net(net: Any) -> tuple[str, ...]:
    """Names of the classes that a transformers net was configured with."""
    by_number = getattr(getattr(net, "config", None), "id2label", None)
    return _as_names(_listed_names(by_number))


def labels(dataset: Any) -> Tensor | None:
    """int64 labels (N,) as the data set lists them; None where it lists none."""
    count = length(dataset)
    if count is None:
        return None
    if isinstance(dataset, ConcatDataset):
        parts = [labels(part) for part in dataset.datasets]
        return torch.cat([part for part in parts if part is not None]) if None not in parts else None
    if isinstance(dataset, Subset):
        inner = labels(dataset.dataset)
        return None if inner is None else inner[torch.as_tensor(list(dataset.indices), dtype=torch.int64)]
    for listed in _listed(dataset):
        found = _as_labels(listed, count)
        if found is not None:
            return found
    wrapped = _wrapped(dataset)
    return labels(wrapped) if wrapped is not None and length(wrapped) == count else None


def length(dataset: Any) -> int | None:
    """How many images there are, where that is known."""
    try:
        return len(dataset)
    except (TypeError, NotImplementedError):
        return None


def _wrapped(dataset: Any) -> Any:
    inner = getattr(dataset, "dataset", None)
    return inner if isinstance(inner, Dataset) or hasattr(inner, "__getitem__") else None


def _listed(dataset: Any) -> Iterator[Any]:
    yield from (getattr(dataset, name, None) for name in LABEL_ATTRIBUTES)
    for name in ("samples", "imgs"):
        pairs = getattr(dataset, name, None)
        if isinstance(pairs, list) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
            yield [label for _, label in pairs]
    if isinstance(dataset, TensorDataset):
        yield from dataset.tensors[1:2]
    features = getattr(dataset, "features", None)
    if isinstance(features, Mapping):
        yield from (dataset[name] for name in LABEL_COLUMNS if hasattr(features.get(name), "names"))


def _label_columns(dataset: Any) -> list[Any]:
    features = getattr(dataset, "features", None)
    return (
        [features[name] for name in LABEL_COLUMNS if name in features]
        if isinstance(features, Mapping)
        else []
    )


def _as_labels(listed: Any, count: int) -> Tensor | None:
    try:
        values = np.asarray(listed if isinstance(listed, Tensor | np.ndarray) else list(listed))
    except (TypeError, ValueError):  # no list; lists of several lengths
        return None
    if values.shape != (count,) or values.dtype.kind not in "iub":
        return None
    return torch.from_numpy(values.astype(np.int64))


def _by_number(class_to_idx: Any) -> list[Any] | None:
    if not isinstance(class_to_idx, Mapping):
        return None
    name_of = {number: name for name, number in class_to_idx.items() if isinstance(number, int | np.integer)}
    if set(name_of) != set(range(len(class_to_idx))):
        return None
    return [name_of[number] for number in range(len(name_of))]


def _listed_names(classes: Any) -> Any:
    """Of names with numbers, or of numbers with names, a list in their order; what is no such as it is."""
    if not isinstance(classes, Mapping):
        return classes
    if set(classes) == set(range(len(classes))):
        return [classes[number] for number in range(len(classes))]
    return _by_number(classes)


def _as_names(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list | tuple) or not found:
        return ()
    return tuple(plain(str(name)) for name in found)

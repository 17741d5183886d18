"""Pickles read for their tensors alone: whatever else is in one stays inert, and nothing is executed.

For checkpoints that hold objects of classes that ``weights_only=True`` refuses, as Lightning's hold
hyper-parameters, and for whole nets that were pickled. No class or function that a file names is imported or
called, but those by which torch makes tensors again.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import _utils as rebuilders

# What torch calls for a tensor; ``weights_only=True`` calls these too.
OF_TENSORS = {
    ("torch._utils", name) for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")
}
OF_TYPE = {("torch._tensor", "_rebuild_from_type_v2")}  # of tensors with attributes


class Inert(dict[Any, Any]):
    """In place of an object of any class: its attributes or items by name, and nothing that it could do."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.update(part)

    def __call__(self, *args: Any, **options: Any) -> Inert:
        return Inert()

    def append(self, item: Any) -> None:
        """Of a list that is none."""

    def extend(self, items: Any) -> None:
        """Of a list that is none."""

    add = append


class _Rebuild:
    """A function that makes a tensor again, without attributes that a file could set."""

    __slots__ = ("_name",)
    _name: str

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise pickle.UnpicklingError("a function is no object with a state")

    def __setstate__(self, state: Any) -> NoReturn:
        raise pickle.UnpicklingError("a function is no object with a state")

    def __call__(self, *args: Any) -> Any:
        if self._name == "_rebuild_from_type_v2":
            make, _, inner, _ = args
            return make(*inner) if isinstance(make, _Rebuild) else Inert()
        return getattr(rebuilders, self._name)(*args)


class Unpickler(pickle.Unpickler):
    """An unpickler that makes tensors, plain containers and ``Inert`` objects."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in OF_TENSORS | OF_TYPE:
            return _Rebuild(name)
        return Inert


def load_tensors(path: Path) -> Any:
    """The content of a file of ``torch.save``, on the CPU. Raises what torch and pickle raise.

    Of the kind that is a zip alone: the older one tells only while it is read what it holds.
    """
    # torch asks of ``pickle_module`` its Unpickler; that of this module is the one above.
    import pellucid.model.tensor_pickle as inert

    return torch.load(path, map_location="cpu", weights_only=False, pickle_module=inert)

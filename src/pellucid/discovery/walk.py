"""Objects that an object holds, of any package: in attributes, lists, closures and partial calls."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from torch import Tensor

MAX_OBJECTS, MAX_ITEMS = 3000, 64  # looked at in all; of one list, which may be a list of files
UPWARDS = ("trainer", "fabric")  # of a module: what holds it
LEAVES = (str, bytes, int, float, complex, type, ModuleType, Tensor, np.ndarray, type(None))


def reachable(*roots: Any) -> Iterator[Any]:
    """The roots and what they hold, nearest first, each once; numbers, texts and arrays are left out."""
    seen: set[int] = set()
    waiting = deque(root for root in roots if not isinstance(root, LEAVES))
    while waiting and len(seen) < MAX_OBJECTS:
        current = waiting.popleft()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting.extend(child for child in _children(current) if not isinstance(child, LEAVES))


def _children(current: Any) -> list[Any]:
    match current:
        case Mapping():
            return list(current.values())[:MAX_ITEMS] if isinstance(current, dict) else []
        case list() | tuple() | set() | frozenset():
            return list(current)[:MAX_ITEMS]
        case functools.partial():
            return [current.func, *current.args, *current.keywords.values()]
        case MethodType():
            return [current.__self__, current.__func__]
        case FunctionType():
            return [cell.cell_contents for cell in current.__closure__ or () if _is_filled(cell)]
    held = getattr(current, "__dict__", {})
    return [value for name, value in list(held.items())[:MAX_ITEMS] if name.strip("_") not in UPWARDS]


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  it raises where a name is not bound yet
    except ValueError:
        return False
    return True

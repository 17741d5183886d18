"""What a command finds as one JSON object on standard output, ``--json``; all else goes to standard error."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

FLAG = "--json"
FORMAT = 1  # of the object; it grows by keys alone


def found(command: str, result: Any) -> str:
    """``{"format": 1, "command": …, "result": …}``: what the command's function returns."""
    return _object(command, result=result)


def mistaken(command: str, error: str) -> str:
    """``{"format": 1, "command": …, "error": …}``: the user's mistake, told."""
    return _object(command, error=error)


def _object(command: str, **content: Any) -> str:
    return json.dumps(_plain({"format": FORMAT, "command": command, **content}), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Containers, texts and numbers alone; null for what is no finite number, as JSON has none."""
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return repr(value)

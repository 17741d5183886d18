"""pellucid: train any image model on any data set, and see inside it while it learns.

Each folder says what belongs in it and what it may import; ``errors`` all may.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.callbacks.views import Views

__all__ = ["Views"]

PUBLIC = {"Views": "pellucid.callbacks.views"}  # loaded when they are asked for: they bring torch


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(PUBLIC[name]), name)

"""pellucid: train any image model on any data set, and see inside it while it learns.

Each folder says what belongs in it and what it may import; ``errors`` all may.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.api.names import has_data, list_data, list_models
    from pellucid.api.net import explain, feature_maps, filters, graph, summary, units
    from pellucid.api.run import Run
    from pellucid.api.table import table
    from pellucid.api.training import train
    from pellucid.callbacks.look import look
    from pellucid.callbacks.views import Views
    from pellucid.errors import UserError

    load = Run.load

__all__ = [
    "Run",
    "UserError",
    "Views",
    "explain",
    "feature_maps",
    "filters",
    "graph",
    "has_data",
    "list_data",
    "list_models",
    "load",
    "look",
    "summary",
    "table",
    "train",
    "units",
]

# Where each is; loaded when it is asked for, as most bring torch.
PLACES = {
    "Run": "pellucid.api.run",
    "UserError": "pellucid.errors",
    "Views": "pellucid.callbacks.views",
    "explain": "pellucid.api.net",
    "feature_maps": "pellucid.api.net",
    "filters": "pellucid.api.net",
    "graph": "pellucid.api.net",
    "has_data": "pellucid.api.names",
    "list_data": "pellucid.api.names",
    "list_models": "pellucid.api.names",
    "load": "pellucid.api.run",
    "look": "pellucid.callbacks.look",
    "summary": "pellucid.api.net",
    "table": "pellucid.api.table",
    "train": "pellucid.api.training",
    "units": "pellucid.api.net",
}


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""What loggers of services have in common: an id that the run's folder keeps, quiet, and a last word."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from pellucid.system.files import read_json, write_atomically

KEPT = "loggers.json"  # of a run's folder: by service the id that the run has there
ID = re.compile(r"[\w .+-]{1,200}")


class Service(ABC):
    """A logger whose runs have a beginning, an end, and an id by which they go on."""

    @abstractmethod
    def log_image(self, key: str, images: list[Any], step: int | None = None) -> None:
        """Log pictures, arrays of uint8 (H, W, 3), of one name and step; as Lightning's for W&B does."""

    @abstractmethod
    def finish(self, status: str) -> None:
        """Tell the service that the run has ended: ``finished``, ``pruned``, ``interrupted``, ``failed``."""

    @abstractmethod
    def where(self) -> str:
        """How to look at the run: what to type, or an address."""


def kept_id(folder: Path, service: str) -> str | None:
    """The id that a run's folder keeps of that service; None where it has none yet."""
    value = _kept(folder).get(service)
    return value if isinstance(value, str) and ID.fullmatch(value) else None


def keep_id(folder: Path, service: str, value: str) -> None:
    """Keep the id of a service in a run's folder."""
    kept = _kept(folder)
    if kept.get(service) != value:
        write_atomically(folder / KEPT, json.dumps({**kept, service: value}, indent=2).encode())


def _kept(folder: Path) -> dict[str, Any]:
    try:
        kept = read_json(folder / KEPT)
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def store_of(folder: Path) -> Path:
    """The folder for what all runs share: ``outputs`` around the run's, or the one that the run is in."""
    return next((parent for parent in folder.absolute().parents if parent.name == "outputs"), folder.parent)

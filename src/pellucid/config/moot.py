"""Options of a training that others leave without effect: nothing is ignored without a word."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any


def moot_problems(config: Mapping[str, Any], written: Collection[str]) -> Iterator[str]:
    """Of the options that were ``written`` on the line; ``Command.moot_problems`` of other commands."""
    for option in ("data.root", "data.cache"):
        if option in written and config["data"].get("source") == "drawn":
            yield f"{option}: without effect, as data.source=drawn reads no files. Leave it out."

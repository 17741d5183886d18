"""Options that others of the same command leave without effect: nothing is ignored without a word."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

Config = Mapping[str, Any]
# By command: the option, when it is without effect, and that in words.
MOOT: dict[str, tuple[tuple[str, Callable[[Config], bool], str], ...]] = {
    "train": (
        ("data.root", lambda c: c["data"].get("source") == "drawn", "data.source=drawn reads no files"),
        ("data.cache", lambda c: c["data"].get("source") == "drawn", "data.source=drawn reads no files"),
    ),
    "embed": (
        ("nearest", lambda c: c["neighbours"] is None, "no neighbours=<images> are asked for"),
        ("distance", lambda c: c["neighbours"] is None, "no neighbours=<images> are asked for"),
        ("tsne_points", lambda c: "tsne" not in c["methods"], "methods=… has no tsne"),
        ("split", lambda c: c["images"] is not None, "images=… stand in place of a split"),
    ),
    "units": (
        ("split", lambda c: c["images"] is not None, "images=… stand in place of a split"),
        ("count", lambda c: c["units"] != "auto", "units=… names them"),
    ),
    "export": (
        ("preprocessing", lambda c: c["format"] == "state_dict", "format=state_dict holds weights alone"),
        ("opset", lambda c: c["format"] == "state_dict", "format=state_dict holds weights alone"),
    ),
}


def moot_problems(command: str, config: Config, written: Collection[str]) -> Iterator[str]:
    """Of the options that were ``written`` on the line."""
    for option, is_moot, why in MOOT.get(command, ()):
        if option in written and is_moot(config):
            yield f"{option}: without effect, as {why}. Leave it out."

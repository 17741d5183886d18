"""The names of nets and data sets that a pattern matches."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch

from pellucid.commands import list as listing


def list_models(pattern: str = "*") -> list[str]:
    """Names of nets, ``resnet*``: the house's for ``model=``, others' for ``model.arch=``."""
    return _matched(listing.list_models(), pattern)


def list_data(pattern: str = "*") -> list[str]:
    """Names of data sets: the house's choices for ``data=``, torchvision's for ``data.name=``."""
    return _matched(listing.list_datasets(), pattern)


def _matched(rows: Iterable[listing.Row], pattern: str) -> list[str]:
    return list(dict.fromkeys(name for name, _, _ in rows if fnmatch(name.lower(), pattern.lower())))

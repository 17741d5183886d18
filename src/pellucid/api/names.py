"""The names of nets and data sets that a pattern matches."""

from __future__ import annotations

from collections.abc import Iterable

from pellucid.commands import list as listing
from pellucid.commands.shell import conf_folder
from pellucid.config.command_line import split
from pellucid.config.compose import container
from pellucid.config.line_check import check, compose_line
from pellucid.errors import UserError


def list_models(pattern: str = "*") -> list[str]:
    """Names of nets, ``resnet*``: the house's for ``model=``, others' for ``model.arch=``. Raises
    UserError.
    """
    return _matched(listing.list_models(), pattern)


def list_data(pattern: str = "*") -> list[str]:
    """Names of data sets: the house's choices for ``data=``, torchvision's for ``data.name=``. Raises
    UserError.
    """
    return _matched(listing.list_datasets(), pattern)


def has_data(*overrides: str) -> bool:
    """Whether a data set, ``has_data("fashion_mnist")``, can be read without a download, where its files are
    looked for by its options, ``has_data("catdog", "data.root=/my/photos")``. Raises UserError.
    """
    from pellucid.engine.build import make_data

    conf = conf_folder()
    name, *others = overrides
    line = split([f"data={name}", *others]).with_user_files(conf)
    check(line, conf=conf, name="train")
    return not make_data(container(compose_line(line, conf, "train"))).needs_download


def _matched(rows: Iterable[listing.Row], pattern: str) -> list[str]:
    from pellucid.system.process import quiet_warnings  # torch

    if not isinstance(pattern, str):
        raise UserError(f"pattern: expected a text such as resnet*, got {pattern!r:.60}.")

    with quiet_warnings():  # of packages that are imported for their names
        return list(dict.fromkeys(name for name, _, _ in listing.matched(rows, pattern)))

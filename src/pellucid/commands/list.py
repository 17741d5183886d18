"""Nets and data sets by name: what to type for each, and the weights or files that there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatch

from pellucid.commands.shell import conf_folder
from pellucid.config.command import NameText
from pellucid.errors import UserError, counted, did_you_mean, typed
from pellucid.system.console import console

Row = tuple[str, str, str]  # its name, what to type for it, what there is


def list_names(*, models: NameText | None = None, datasets: NameText | None = None) -> list[dict[str, str]]:
    """What to type for the nets and data sets whose names the patterns match, a line each; they are returned.

    Without either: the choices of the house. Raises UserError for a pattern that matches none.
    """
    if models is None and datasets is None:
        rows = [*_choices("model"), *_choices("data")]
        _show(rows)
        console.print(f"\nMore by name: {typed('list')} models='vit_tiny*' datasets='*'", markup=False)
        return _named(rows)
    rows = []
    for pattern, kind, known in ((models, "models", list_models), (datasets, "datasets", list_datasets)):
        if pattern is None:
            continue
        all_rows = list(known())
        found = matched(all_rows, str(pattern))
        if not found:
            names = list(dict.fromkeys(name for name, _, _ in all_rows))
            hint = did_you_mean(str(pattern), names, limit=3) or f" Try {kind}='*{pattern}*'."
            raise UserError(f"{kind}={pattern}: no name of {len(names)} matches.{hint}")
        rows += found
    _show(rows)
    console.print(f"\n{counted(len(rows), 'name')}", markup=False)
    return _named(rows)


def matched(rows: Iterable[Row], pattern: str) -> list[Row]:
    """Those whose names the pattern matches, of small and capital letters alike."""
    return [row for row in rows if fnmatch(row[0].lower(), pattern.lower())]


def _named(rows: list[Row]) -> list[dict[str, str]]:
    return [dict(zip(("name", "typed", "about"), row, strict=True)) for row in rows]


def list_models() -> Iterator[Row]:
    """Every net by name: the house's own, torchvision's classifiers, and timm's where it is installed."""
    from torchvision import models

    yield from _choices("model")
    for name in models.list_models(module=models):
        yield name, f"model=resnet_finetune model.arch={name}", "weights: default"
    with suppress(ImportError):
        import timm

        tags: dict[str, list[str]] = {name: [] for name in timm.list_models()}
        for tagged in timm.list_models(pretrained=True):
            name, _, tag = tagged.partition(".")
            tags[name] += [tag] if tag else []
        for name, of_it in tags.items():
            yield name, f"model=timm model.arch={name}", f"weights: {', '.join(of_it) or 'none'}"


def list_datasets() -> Iterator[Row]:
    """Every data set by name: the house's choices, and torchvision's with the files that each reads."""
    from pellucid.data.torchvision_sets import LAYOUTS

    yield from _choices("data")
    for name, layout in sorted(LAYOUTS.items(), key=lambda item: item[0].lower()):
        yield name, f"data=torchvision data.name={name}", f"data.root/{layout.files}"


def _choices(group: str) -> Iterator[Row]:
    for file in sorted((conf_folder() / group).glob("*.yaml")):
        yield file.stem, f"{group}={file.stem}", ""


def _show(rows: list[Row]) -> None:
    width = max(len(line) for _, line, _ in rows)
    for _, line, about in rows:
        console.print(f"{line:{width}}   {about}".rstrip(), markup=False, highlight=False, soft_wrap=True)

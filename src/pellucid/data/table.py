"""A table of a user's own: a row an image, with its file and what is known of it."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from pellucid.data.entry import name_in
from pellucid.data.images import Split
from pellucid.data.photo_data import PhotoData
from pellucid.data.table_columns import AUTO, Asked, Columns, find_columns
from pellucid.data.table_file import LIST, Rows, read_rows
from pellucid.data.table_labels import PIN, read_labels
from pellucid.data.table_rows import list_images
from pellucid.errors import UserError, counted
from pellucid.spec import CLASS, LABELS, MULTILABEL, NUMBERS
from pellucid.system.console import console, is_quiet

log = logging.getLogger(__name__)

SHOWN_ROWS, SHOWN_COLUMNS = 3, 7
AUGMENT = {NUMBERS: "none"}  # where it is auto
MAX_NAMED = 10  # classes that are left out


class Table(PhotoData):
    """The images that the rows of a table name: csv, tsv, parquet or jsonl.

    ``file``, ``label`` (one column, or several), ``split``, ``weight`` and ``group`` name columns; ``auto``:
    found by name and content; None: not used. ``labels`` says what the labels are, see ``Spec``. Files are
    relative to ``root``, without one to the table's folder. ``classes`` are those that are looked for, in
    this order, without rows of others; labels, and columns of numbers, likewise. Classes with fewer than
    ``min_images`` training images are left out. ``augment``: auto, of numbers none, as mirrored or cropped an
    image may have others. Reads the table at construction, as the classes stand there. Raises UserError, with
    all the table's mistakes at once. For the other options see ``PhotoData``.
    """

    def __init__(
        self,
        *,
        path: str,
        root: str | None = None,
        file: str = AUTO,
        label: str | Sequence[str] = AUTO,
        split: str | None = AUTO,
        weight: str | None = AUTO,
        group: str | None = AUTO,
        labels: Literal["auto", "class", "multilabel", "numbers"] = "auto",
        classes: list[str] | None = None,
        min_images: int = 1,
        encoding: str = AUTO,
        augment: str | Sequence[str] = AUTO,
        **given: Any,
    ) -> None:
        if labels not in (AUTO, *LABELS):
            raise UserError(f"data.labels={labels}: expected auto, {', '.join(LABELS)}.")
        if min_images < 1:
            raise UserError(f"data.min_images={min_images}: expected at least 1.")
        names = None if classes is None else [str(name) for name in classes]
        if names is not None and (not names or len(set(names)) < len(names)):
            raise UserError(f"data.classes={classes}: expected different names.")
        self.path = Path(path).expanduser()
        rows = read_rows(self.path, encoding)
        columns = find_columns(self.path, rows, Asked(file, label, split, weight, group), names)
        known = read_labels(rows, columns.label, labels, names)
        self._tell(rows, columns, known.kind, known.note, new=names is None)
        self.listing = list_images(
            self.path,
            rows,
            columns,
            known,
            self.path.parent if root is None else Path(root).expanduser(),
            training=names is None,
            min_images=min_images,
        )
        self._tell_left_out(known.left_out)
        super().__init__(
            root=self.listing.root,
            files=self._paths,
            classes=self.listing.labels.classes,
            labels=known.kind,
            augment=AUGMENT.get(known.kind, "crop_flip") if augment == AUTO else augment,
            **given,
        )

    def read(self) -> dict[str, Split]:
        files, listing, labels = self._paths, self.listing, self.listing.labels
        splits = {}
        for name, photos in self.load(listing.root, files).items():
            index_N = listing.splits[name][photos.readable]
            codes_N = torch.from_numpy(labels.codes_N[index_N])
            names = [name_in(listing.root, files[name][i]) for i in photos.readable]
            splits[name] = replace(
                Split.whole(photos.images, codes_N, names, photos.digests_N),
                targets_NK=None
                if labels.targets_NK is None
                else torch.from_numpy(np.ascontiguousarray(labels.targets_NK[index_N])),
                groups_N=None if listing.groups_N is None else listing.groups_N[index_N],
                weights_N=None if listing.weights_N is None else torch.from_numpy(listing.weights_N[index_N]),
            )
        self.source = f"table {self.path}"
        return splits

    @property
    def _paths(self) -> dict[str, list[Path]]:
        return {name: self._files(index_N) for name, index_N in self.listing.splits.items()}

    def _files(self, index_N: np.ndarray) -> list[Path]:
        return [self.listing.root / self.listing.names[n] for n in index_N.tolist()]

    def fingerprint(self) -> str:
        """A hash of every file's path and size, its split and what is known of it."""
        listing, digest = self.listing, hashlib.sha256()
        known_NK = (
            listing.labels.codes_N[:, None]
            if listing.labels.targets_NK is None
            else listing.labels.targets_NK
        )
        lines = [
            os.fsencode(f"{split}\0{listing.names[n]}\0{os.stat(path).st_size}\0") + known_NK[n].tobytes()  # noqa: PTH116
            for split, index_N in listing.splits.items()
            for n, path in zip(index_N.tolist(), self._files(index_N), strict=True)
        ]
        for line in sorted(lines):
            digest.update(line + b"\n")
        return digest.hexdigest()[:16]

    def _tell(self, rows: Rows, columns: Columns, kind: str, note: str, *, new: bool) -> None:
        """Of a new run how the table was understood, where that was not said; and a guessed encoding."""
        if rows.encoding:
            log.warning(
                "%s is no UTF-8: it is read as %s. Another encoding: data.encoding=…",
                self.path,
                rows.encoding,
            )
        if not new:
            return
        if columns.guessed:
            _show(self.path, rows, columns)
        what = {CLASS: "a class for each image", MULTILABEL: "several labels for each image"}.get(
            kind, "numbers"
        )
        log.info(
            "Labels of %s: %s, from %s%s. Otherwise: %s",
            self.path.name,
            what,
            counted(len(columns.label), "column") if len(columns.label) > 1 else columns.label[0],
            f" ({note})" if note else "",
            PIN,
        )

    def _tell_left_out(self, names: Sequence[str]) -> None:
        if names:
            more = ", …" if len(names) > MAX_NAMED else ""
            log.warning(
                "%s: %s%s is none of the classes and left out.", self.path, ", ".join(names[:MAX_NAMED]), more
            )


def _show(path: Path, rows: Rows, columns: Columns) -> None:
    """The first rows, with what each column was taken for."""
    if is_quiet():
        return
    roles = columns.roles()
    chosen = [name for name in rows.columns if name in roles][:SHOWN_COLUMNS]
    heads = [f"{name} ({roles[name]})" for name in chosen]
    _print(
        f"{path.name}: {counted(len(rows), 'row')}",
        tuple(heads),
        tuple(
            tuple(rows.columns[name][n].replace(LIST, " ") for name in chosen)
            for n in range(min(SHOWN_ROWS, len(rows)))
        ),
        tuple(name for name in rows.columns if name not in roles),
        len(roles) - len(chosen),
    )


@functools.cache
def _print(
    title: str, heads: tuple[str, ...], cells: tuple[tuple[str, ...], ...], unused: tuple[str, ...], more: int
) -> None:
    """Once, however many runs of a sweep read the table."""
    table = console.table(title, heads)
    for row in cells:
        table.add_row(*row)
    console.print_table(table)
    if more:
        console.print(f"and {counted(more, 'more column')}")
    if unused:
        console.print(f"not used: {', '.join(unused)}", soft_wrap=True)

"""A tree of photos, ``[<split>/]<class>/…``, as splits: shared by the data sets that are folders."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pellucid.data.find import find_folders, find_photos, is_folder
from pellucid.data.photos import load_together
from pellucid.data.spec import Split
from pellucid.errors import UserError

log = logging.getLogger(__name__)

SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True)
class PhotoFolder:
    """Where a tree's splits and classes are; found by looking at names only.

    ``splits`` maps train, val, test to their folders, or ``all`` to the root where there are none.
    """

    root: Path
    splits: dict[str, Path]
    classes: tuple[str, ...]

    @classmethod
    def find(cls, root: Path) -> PhotoFolder:
        """Look at ``root``. Raises UserError where no classes are found."""
        splits = _find_splits(root) or {"all": root}
        classes = tuple(path.name for path in find_folders(next(iter(splits.values()))))
        if len(classes) < 2:
            found = f"only the class '{classes[0]}'" if classes else "no class folders"
            raise UserError(
                f"data.root={root}: found {found}; at least two are needed. Expected a folder of "
                "class folders, <root>/<class>/*.jpg, or <root>/{train,val,test}/<class>/*.jpg."
            )
        for split, folder in splits.items():
            strange = {path.name for path in find_folders(folder)} - set(classes)
            if strange:
                raise UserError(
                    f"{folder}: the classes {', '.join(sorted(strange))} are in {split} but not in "
                    f"{next(iter(splits))}, which has {', '.join(classes[:20])}."
                )
        return cls(root, splits, classes)

    @classmethod
    def of_classes(cls, root: Path, classes: Sequence[str]) -> PhotoFolder:
        """``root`` with these classes, as many of them as are there; other folders are told and left out.

        Raises UserError where none of them is there.
        """
        splits = _find_splits(root) or {"all": root}
        there = {path.name for folder in splits.values() for path in find_folders(folder)}
        if not there & set(classes):
            found = f"only {', '.join(sorted(there)[:20])}" if there else "no folders"
            raise UserError(
                f"data.root={root}: found {found}, expected folders of the classes {', '.join(classes[:20])}."
            )
        if strange := sorted(there - set(classes)):
            log.warning(
                "%s: %s is none of the classes; what is in there is left out.", root, ", ".join(strange[:20])
            )
        return cls(root, splits, tuple(classes))

    def files(self) -> dict[str, list[tuple[Path, int]]]:
        """Each split's image files with their labels. Raises UserError for a class without images."""
        found = {}
        for split, folder in self.splits.items():
            found[split] = [
                (path, label)
                for label, name in enumerate(self.classes)
                for path in find_photos(folder / name)
            ]
            if split in ("train", "all"):
                have = {label for _, label in found[split]}
                empty = [
                    name
                    for label, name in enumerate(self.classes)
                    if label not in have and is_folder(folder / name)
                ]
                if empty:
                    raise UserError(
                        f"{folder}: no images in the class folder {', '.join(empty)}. "
                        "Add images (jpg, png, …) or remove the folder."
                    )
        return found

    def fingerprint(self) -> str:
        """A hash of every file's path and size."""
        digest = hashlib.sha256()
        for split, items in sorted(self.files().items()):
            for path, _ in items:
                name = path.relative_to(self.root).as_posix()
                digest.update(os.fsencode(f"{split}\0{name}\0{path.stat().st_size}\n"))
        return digest.hexdigest()[:16]


def _find_splits(root: Path) -> dict[str, Path]:
    """The folders of splits in it. Raises UserError where ``root`` is no folder."""
    if not is_folder(root):
        raise UserError(
            f"data.root={root}: there is no such folder. Expected a folder of class folders, "
            "<root>/<class>/*.jpg, or <root>/{train,val,test}/<class>/*.jpg. Where photos have moved, "
            "data.root=<folder> names their new place, also with run= and resume=."
        )
    # A split folder holds class folders; a class may be called train as well.
    folders = {path.name.lower(): path for path in find_folders(root) if find_folders(path)}
    return {split: folders[name] for split, names in SPLIT_NAMES.items() for name in names if name in folders}


def load_folder(
    folder: PhotoFolder, *, size: int, cache: Path, cache_limit: float
) -> tuple[dict[str, Split], int]:
    """The splits that the tree has, ``all`` where it has none, and how many files were left out."""
    splits, left_out = {}, 0
    found = folder.files()
    paths = {name: [path for path, _ in items] for name, items in found.items()}
    loaded = load_together(paths, root=folder.root, size=size, cache=cache, cache_limit=cache_limit)
    for name, photos in loaded.items():
        items = found[name]
        files = [str(items[i][0].relative_to(folder.root)) for i in photos.kept]
        labels = torch.tensor([items[i][1] for i in photos.kept])
        splits[name] = Split.whole(photos.images, labels, files, photos.digests_N)
        left_out += len(photos.broken)
    return splits, left_out

"""A tree of photos, ``[<split>/]<class>/…``, as splits: shared by the data sets that are folders."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pellucid.data.entry import Photos
from pellucid.data.find import find_folders, find_photos, is_folder, is_run, tell
from pellucid.data.images import Split
from pellucid.errors import UserError

log = logging.getLogger(__name__)

SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "validate", "eval", "evaluation", "dev"),
    "test": ("test", "testing"),
}
WHAT = r"[ _.-]*(set|data|dataset|images?|imgs?|photos?|pictures?|split)?"  # may follow: training_set
LAYOUT = "<root>/<class>/*.jpg, or <root>/{train,val,test}/<class>/*.jpg"


def split_of(name: str) -> str | None:
    """train, val or test, where a folder of this name is one by custom."""
    words = ((split, "|".join(names)) for split, names in SPLIT_NAMES.items())
    return next((split for split, word in words if re.fullmatch(f"({word}){WHAT}", name, re.I)), None)


def class_folders(folder: Path) -> list[Path]:
    """The folders in a folder, but what was trained there, which is told."""
    folders = find_folders(folder)
    ours = [path for path in folders if is_run(path)]
    if ours:
        tell(folder, "folders of runs", len(ours), ", ".join(path.name for path in ours))
    return [path for path in folders if path not in ours]


def _splits(root: Path) -> dict[str, Path]:
    """The folders of splits: of such a name, with class folders in them; ``all`` where there are none.

    Raises UserError, also where there is no such root.
    """
    if not is_folder(root):
        raise UserError(
            f"data.root={root}: there is no such folder. Expected a folder of class folders, {LAYOUT}. Where "
            "photos have moved, data.root=<folder> names their new place, also with run= and resume=."
        )
    folders = class_folders(root)
    splits: dict[str, Path] = {}
    for path, split in ((path, split_of(path.name)) for path in folders if find_folders(path)):
        if split in splits:
            raise UserError(
                f"data.root={root}: both {splits[split].name} and {path.name} are folders of {split} images "
                "by their names. Expected one of each split: join them, or move one elsewhere."
            )
        if split:
            splits[split] = path
    if splits and len(splits) < len(folders):
        names = [path.name for path in folders if path not in splits.values()]
        tell(root, "folders beside those of splits", len(names), ", ".join(names))
    return {split: splits[split] for split in SPLIT_NAMES if split in splits} or {"all": root}


def _check_names(root: Path, classes: Sequence[str]) -> None:
    """Raise UserError where all classes are called as splits are; tell of some."""
    called = [name for name in classes if split_of(name)]
    if len(called) == len(classes):
        raise UserError(
            f"data.root={root}: {', '.join(called)} are called as splits are, but hold no class folders. "
            f"Expected {LAYOUT}. If they are classes, give them other names, as class_{called[0]}."
        )
    if called:
        log.warning(
            "data.root=%s: %s is taken for a class, as it holds no class folders. If it is none, move it "
            "elsewhere, or sort its images into class folders.",
            root,
            ", ".join(called),
        )


@dataclass(frozen=True)
class PhotoFolder:
    """A tree of photos: where its splits and classes are, found by looking at names only.

    ``splits`` maps train, val, test to their folders, or ``all`` to the root where there are none.
    """

    root: Path
    splits: dict[str, Path]
    classes: tuple[str, ...]

    @classmethod
    def find(cls, root: Path) -> PhotoFolder:
        """Look at ``root``. Raises UserError where no classes are found."""
        splits = _splits(root)
        folders = class_folders(next(iter(splits.values())))
        classes = tuple(path.name for path in folders)
        if len(classes) < 2:
            content = f"only the class '{classes[0]}'" if classes else "no class folders"
            inside = [path.name for path in find_folders(folders[0])] if folders else []
            wrapped = f" In it are {', '.join(inside[:5])}: data.root={folders[0]}?" if inside else ""
            raise UserError(
                f"data.root={root}: found {content}; at least two are needed.{wrapped} Expected a folder of "
                f"class folders, {LAYOUT}."
            )
        if "all" in splits:
            _check_names(root, classes)
        for split, folder in splits.items():
            strange = {path.name for path in class_folders(folder)} - set(classes)
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
        splits = _splits(root)
        present = {path.name for folder in splits.values() for path in class_folders(folder)}
        if not present & set(classes):
            names = f"only {', '.join(sorted(present)[:20])}" if present else "no folders"
            raise UserError(
                f"data.root={root}: found {names}, expected folders of the classes {', '.join(classes[:20])}."
            )
        if strange := sorted(present - set(classes)):
            log.warning(
                "%s: %s is none of the classes; what is in there is left out.", root, ", ".join(strange[:20])
            )
        return cls(root, splits, tuple(classes))

    @functools.cached_property
    def files(self) -> dict[str, list[tuple[Path, int]]]:
        """Each split's images with their labels, looked for once. Raises UserError for a class without."""
        labelled = {}
        for split, folder in self.splits.items():
            labelled[split] = [
                (path, label)
                for label, name in enumerate(self.classes)
                for path in find_photos(folder / name)
            ]
            if split in ("train", "all"):
                have = {label for _, label in labelled[split]}
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
        return labelled

    @property
    def paths(self) -> dict[str, list[Path]]:
        """The photos of each split, ``all`` where there is none, without their labels."""
        return {split: [path for path, _ in items] for split, items in self.files.items()}

    def labelled(self, loaded: Mapping[str, Photos]) -> dict[str, Split]:
        """The splits, of what was loaded of the ``paths``."""
        splits = {}
        for name, photos in loaded.items():
            items = self.files[name]
            files = [str(items[i][0].relative_to(self.root)) for i in photos.readable]
            labels = torch.tensor([items[i][1] for i in photos.readable], dtype=torch.int64)
            splits[name] = Split.whole(photos.images, labels, files, photos.digests_N)
        return splits

    def fingerprint(self) -> str:
        """A hash of every file's path and size."""
        digest = hashlib.sha256()
        for split, items in sorted(self.files.items()):
            for path, _ in items:
                name = path.relative_to(self.root).as_posix()
                digest.update(os.fsencode(f"{split}\0{name}\0{path.stat().st_size}\n"))
        return digest.hexdigest()[:16]

"""A tree of photos, ``[<split>/]<class>/…``, as splits: shared by the data sets that are folders."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from pellucid.data.find import find_folders, find_photos, is_folder
from pellucid.data.grey import Values
from pellucid.data.photos import load_together
from pellucid.data.spec import Split
from pellucid.data.split import stratified_split
from pellucid.errors import UserError

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
        if not is_folder(root):
            raise UserError(
                f"data.root={root}: there is no such folder. Expected a folder of class folders, "
                "<root>/<class>/*.jpg, or <root>/{train,val,test}/<class>/*.jpg."
            )
        # A split folder holds class folders; a class may be called train as well.
        folders = {path.name.lower(): path for path in find_folders(root) if find_folders(path)}
        splits = {
            split: folders[name] for split, names in SPLIT_NAMES.items() for name in names if name in folders
        }
        if splits and "train" not in splits:
            raise UserError(
                f"data.root={root}: found {', '.join(sorted(splits))} but no train folder. "
                "Expected <root>/train/<class>/*.jpg, or class folders alone."
            )
        splits = splits or {"all": root}
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
                    f"train, which has {', '.join(classes[:20])}."
                )
        return cls(root, splits, classes)

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
                empty = [name for label, name in enumerate(self.classes) if label not in have]
                if empty:
                    raise UserError(
                        f"{folder}: no images in the class folder {', '.join(empty)}. "
                        "Add images (jpg, png, …) or remove the folder."
                    )
        return found

    def training_files(self) -> list[Path]:
        """Those of the training, or of all splits where they are not told apart."""
        found = self.files()
        return [path for path, _ in found.get("train") or found["all"]]

    def fingerprint(self) -> str:
        """A hash of every file's path and size."""
        digest = hashlib.sha256()
        for split, items in sorted(self.files().items()):
            for path, _ in items:
                name = path.relative_to(self.root).as_posix()
                digest.update(os.fsencode(f"{split}\0{name}\0{path.stat().st_size}\n"))
        return digest.hexdigest()[:16]


def load_folder(
    folder: PhotoFolder,
    *,
    size: int,
    cache: Path,
    cache_limit: float,
    values: Values = (),
    val_fraction: float,
    test_fraction: float | None,
    seed: int,
) -> tuple[dict[str, Split], int]:
    """The splits train, val and test, and how many files were left out.

    What the tree has no folder for is taken from its training images, stratified; never from the test.
    """
    splits, left_out = {}, 0
    found = folder.files()
    paths = {name: [path for path, _ in items] for name, items in found.items()}
    loaded = load_together(
        paths, root=folder.root, size=size, cache=cache, cache_limit=cache_limit, values=values
    )
    for name, photos in loaded.items():
        items = found[name]
        files = [str(items[i][0].relative_to(folder.root)) for i in photos.kept]
        labels = torch.tensor([items[i][1] for i in photos.kept])
        splits[name] = Split.whole(photos.images, labels, files)
        left_out += len(photos.broken)
    wanted = {"val": val_fraction, "test": test_fraction}
    fractions = {
        name: fraction for name, fraction in wanted.items() if name not in splits and fraction is not None
    }
    everything = splits.pop("all") if "all" in splits else splits["train"]
    parts = stratified_split(everything.labels_N, list(fractions.values()), seed)
    for name, part in zip(("train", *fractions), parts, strict=True):
        splits[name] = everything.subset(part) if fractions else everything
    return splits, left_out

"""Image folders of a user's own, one folder a class."""

from pathlib import Path
from typing import Any

from pellucid.data.folder import PhotoFolder
from pellucid.data.images import Split
from pellucid.data.photo_data import PhotoData
from pellucid.errors import UserError
from pellucid.spec import CLASS


class ImageFolder(PhotoData):
    """A folder of photos of any kind, ``root/<class>/…`` or ``root/{train,val,test}/<class>/…``.

    ``classes`` are those that are looked for, in this order; without, all folders are, by their names. Raises
    UserError at construction where the folder has none of them. For the other options see ``PhotoData``.
    """

    def __init__(self, *, root: str, classes: list[str] | None = None, **given: Any) -> None:
        if classes is not None and len(set(classes)) != max(len(classes), 2):
            raise UserError(f"data.classes={classes}: expected at least two different names.")
        folder = Path(root).expanduser()
        self.folder = PhotoFolder.of_classes(folder, classes) if classes else PhotoFolder.find(folder)
        super().__init__(
            root=folder, files=self.folder.paths, classes=self.folder.classes, labels=CLASS, **given
        )

    def read(self) -> dict[str, Split]:
        self.source = f"folder {self.folder.root}"
        return self.folder.labelled(self.load(self.folder.root, self.folder.paths))

    def fingerprint(self) -> str:
        return self.folder.fingerprint()

"""Image files that a file, a folder or a pattern stands for, and their pixels in batches."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from pellucid.data.pictures import Pictures, find_pictures
from pellucid.errors import UserError
from tests.helpers import unprivileged


def test_a_file_a_folder_a_pattern(photos: Path, tmp_path: Path) -> None:
    folder = photos / "test" / "dog"
    files = sorted(folder.iterdir())
    assert find_pictures(str(files[0])) == [files[0]]
    assert find_pictures(str(folder)) == files
    assert find_pictures(str(photos / "t*t" / "dog" / f"*{files[0].suffix}")) == files
    assert len(find_pictures(str(photos / "**" / "*"))) == 56
    for given, message in (
        (tmp_path, "no images in this folder. Expected .avif, .bmp"),
        (tmp_path / "*.jpg", "no file matches this pattern"),
        (tmp_path / "no.jpg", "there is no such file or folder"),
    ):
        with pytest.raises(UserError, match=message):
            find_pictures(str(given))


def test_grey_is_luminance_and_batches_keep_the_order(tmp_path: Path) -> None:
    for name, colour in (("a", (255, 0, 0)), ("b", (0, 255, 0)), ("c", (0, 0, 255))):
        Image.new("RGB", (9, 7), colour).save(tmp_path / f"{name}.png")
    pictures = Pictures(find_pictures(str(tmp_path)), (1, 4, 4))
    (first, one), (second, two) = pictures.batches(2)
    assert [path.name for path in (*first, *second)] == ["a.png", "b.png", "c.png"]
    grey = torch.cat([one, two])
    assert grey.shape == (3, 1, 4, 4)
    assert grey[:, 0, 0, 0].tolist() == [76, 150, 29]
    assert all(len(image.unique()) == 1 for image in grey)


def test_patterns_find_the_folders_that_are_closed_to_them(closed: Path) -> None:
    secret, name = closed / "secret", "003.jpg"

    def found(pattern: str) -> list[str]:
        names = unprivileged(lambda: find_pictures(str(closed / pattern)))
        return [str(path.relative_to(closed)) for path in names]

    assert found(f"**/{name}") == [name, "secret"]
    assert found(f"*/{name}") == ["secret"]
    assert found(f"**/*/{name}") == ["secret"]
    (closed / "link.jpg").symlink_to(secret / name)
    assert found("l*.jpg") == ["link.jpg"]
    (closed / "link.jpg").unlink()
    assert found(f"s*/{name}") == ["secret"]
    assert found(f"secret/{name}") == ["secret"]
    assert found(name) == [name]
    assert found("*") == [f"00{i}.jpg" for i in range(8)]
    secret.chmod(0o111)  # may be entered by who knows a name
    assert found(f"secret/{name}") == [f"secret/{name}"]
    assert found("secret/*.jpg") == ["secret"]

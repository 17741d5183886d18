"""Some images and what is known of them."""

from __future__ import annotations

import torch

from pellucid.inside.images import Images


def test_a_file_is_told_by_its_folder_and_name() -> None:
    files = ("/data/train/cat/cat.12.jpg", "a.png")
    images = Images(torch.zeros(2, 1, 1, 1, dtype=torch.uint8), torch.tensor([0, -1]), files, ("cat", "?"))
    assert len(images) == 2
    assert images.short_files == ["cat/cat.12.jpg", "a.png"]

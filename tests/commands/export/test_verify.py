"""Whether a file is its net, and on which images that is seen."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from pellucid.commands.export.verify import Agreement
from pellucid.errors import UserError
from tests.commands.export.runs import run_export
from tests.helpers import make_run


@pytest.fixture
def moved(tmp_path: Path, photos: Path) -> Path:
    """A run whose photos are gone."""
    shutil.copytree(photos, tmp_path / "photos")
    data = (f"data.root={tmp_path / 'photos'}", f"data.cache={tmp_path / 'cache'}", "data.image_size=16")
    run = make_run(tmp_path / "run", "model=dnn", "data=image_folder", *data)
    shutil.rmtree(tmp_path / "photos")
    return run


def test_without_test_images_others_serve(
    moved: Path, photos: Path, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    run_export(moved, format="state_dict")
    assert "on 64 images of random pixels, as the run's own cannot be read (" in said.text
    assert "images=<folder>" in said.text
    said.clear()
    mixed = tmp_path / "a [1]"
    shutil.copytree(photos / "test" / "cat", mixed)
    (mixed / "0.jpg").write_bytes(b"no image")
    run_export(moved, format="state_dict", images=str(mixed))
    assert f"on 8 images of {mixed} (1 of 9 files cannot be read: " in said.text


def test_agreement_by_hand() -> None:
    found = Agreement()
    one = torch.tensor([[1.0, -20.0], [3.0, 4.0]])
    found.add([one + 1e-3], [one])
    found.add([one], [one])
    assert found.differences == pytest.approx((1e-3,), rel=1e-2)
    assert found.largest == (20.0,)
    assert found.allowed == pytest.approx((2e-3,))
    assert found.holds
    found.add([one * float("nan")], [one])
    assert not found.holds, "what is no number is no agreement"
    small = Agreement()
    small.add([torch.tensor([[0.5 + 2e-4]])], [torch.tensor([[0.5]])])
    assert not small.holds, "1e-4 where values are below 1"
    with pytest.raises(UserError, match="values that are not finite"):
        small.add([one], [one / 0])

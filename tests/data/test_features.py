"""Features of a frozen net, computed once: the same training as without."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.commands.train import train
from pellucid.data import features
from pellucid.data.base import ImageData
from pellucid.errors import UserError
from tests.helpers import compose, metrics, same, weights

FROZEN = ("model=resnet_frozen", "model.weights=none", "data=catdog", "data.image_size=32")


def run(folder: Path, photos: Path, *options: str, epochs: int = 4, resume: bool = False) -> Path:
    data = [f"data.root={photos}", f"data.cache={folder.parent / 'cache'}", "data.batch_size=8"]
    train(compose(*FROZEN, *data, f"trainer.max_epochs={epochs}", *options), folder, resume=resume)
    return folder


def own(**options: object) -> dict[str, object]:
    return {"_target_": "tests.model.frozen_net.OwnFrozenNet", **options}


def run_own(folder: Path, photos: Path, *, epochs: int = 4, resume: bool = False, **options: object) -> Path:
    data = [f"data.root={photos}", f"data.cache={folder.parent / 'cache'}", "data.batch_size=8"]
    config = compose(*FROZEN, *data, "packages=[tests]", f"trainer.max_epochs={epochs}")
    train({**config, "model": own(**options)}, folder, resume=resume)
    return folder


def only_augmentations(data: ImageData, embed: object, augmentations: int) -> None:
    """In place of ``remember``: the same augmentations, computed anew each epoch."""
    data.augmentations = augmentations


def losses(folder: Path) -> list[tuple[float, float]]:
    with (folder / "metrics.csv").open() as file:
        return [(float(row["train/loss"]), float(row["val/loss"])) for row in csv.DictReader(file)]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which augmentation each table of features is of, in the order in which they are computed."""
    compute, computed = features.Features._compute, list[int]()

    def counted(self: features.Features, number: int, batches: object) -> torch.Tensor:
        computed.append(number)
        return compute(self, number, batches)  # type: ignore[arg-type]

    monkeypatch.setattr(features.Features, "_compute", counted)
    return computed


@pytest.mark.parametrize(
    ("augment", "augmentations", "computed"),
    [
        ("crop_flip", 2, 3),
        pytest.param("none", 0, 2, marks=pytest.mark.slow),
        pytest.param("crop_flip", 0, 1, marks=pytest.mark.slow),
    ],
)
def test_trains_as_without(
    tmp_path: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    tables: list[int],
    augment: str,
    augmentations: int,
    computed: int,
) -> None:
    """Tables are computed once each: validation, and the augmentations of the training images."""
    options = (f"data.augment={augment}", f"model.augmentations_per_image={augmentations}")
    once = run(tmp_path / "once", photos, *options)
    assert len(tables) == computed
    monkeypatch.setattr(ImageData, "remember", only_augmentations)
    plain = run(tmp_path / "plain", photos, *options)
    assert len(tables) == computed
    assert np.allclose(losses(once), losses(plain), atol=1e-5)
    one, other = weights(once), weights(plain)
    assert one.keys() == other.keys()
    for name in one:
        assert torch.allclose(one[name].float(), other[name].float(), atol=1e-5), name


def test_a_net_of_the_users_own_trains_as_without(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, tables: list[int]
) -> None:
    once = run_own(tmp_path / "once", photos)
    assert sorted(tables) == [0, 0, 1]
    parts = run_own(tmp_path / "parts", photos, epochs=2)
    run_own(parts, photos, resume=True)
    assert same(weights(once), weights(parts))
    monkeypatch.setattr(ImageData, "remember", only_augmentations)
    plain = run_own(tmp_path / "plain", photos)
    assert np.allclose(losses(once), losses(plain), atol=1e-5)
    trained, without = weights(once), weights(plain)
    assert trained.keys() == without.keys()
    assert all(torch.allclose(trained[name], without[name], atol=1e-5) for name in trained)


def test_views_see_images(tmp_path: Path, photos: Path) -> None:
    views = "callbacks=[samples,predictions,confusion,explanations,embeddings]"
    few = ("explainer=saliency", "callbacks.embeddings.methods=[pca]", "callbacks.explanations.images=2")
    folder = run(tmp_path / "run", photos, "data.augment=none", views, *few, epochs=1)
    assert not [key for key in metrics(folder) if key.startswith("look/failed")]
    assert {path.name for path in (folder / "figures").iterdir()} >= {"samples", "predictions", "confusion"}


@pytest.mark.slow
def test_resumed_equals_uninterrupted(tmp_path: Path, photos: Path) -> None:
    options = ("data.augment=crop_flip", "model.augmentations_per_image=3")
    whole = run(tmp_path / "whole", photos, *options)
    parts = run(tmp_path / "parts", photos, *options, epochs=2)
    run(parts, photos, *options, resume=True)
    assert same(weights(whole), weights(parts))


def test_large_tables_are_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "IN_MEMORY", 100)
    made = features.Features(embed=lambda x: x.flatten(1), count=5, augmentations=2, folder=tmp_path)
    images = torch.rand(5, 1, 3, 3)
    index = torch.tensor([3, 1, 4, 0, 2])
    table = made.table(
        1, lambda number: iter([(part, images[part] * number) for part in torch.split(index, 2)])
    )
    assert torch.equal(table, images.flatten(1))
    assert made.table(1, lambda _: iter([])) is table
    assert list(tmp_path.iterdir()) == []  # seen by nobody else, and gone with it


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(features, "IN_MEMORY", 0)
    monkeypatch.setattr("os.posix_fallocate", full)
    made = features.Features(embed=lambda x: x.flatten(1), count=1, augmentations=1, folder=tmp_path)
    with pytest.raises(
        UserError, match=r"no room in .*No space left on device.*model\.augmentations_per_image"
    ):
        made.table(0, lambda _: iter([(torch.tensor([0]), torch.rand(1, 1, 2, 2))]))


@pytest.mark.parametrize("augment", ["crop_flip", "strong"])
def test_features_of_any_augmentation_are_computed_once_for_each_draw(
    tmp_path: Path, photos: Path, tables: list[int], augment: str
) -> None:
    run(tmp_path / "run", photos, f"data.augment={augment}", "model.augmentations_per_image=2")
    assert sorted(tables) == [0, 0, 1], "of validation one, of training two"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("task.mix=mixup", r"task\.mix=mixup: a frozen net's features are computed once"),
        ("data.repeats=2", r"data\.repeats=2: of a frozen net's features, computed once"),
    ],
)
def test_what_features_cannot_keep_is_told_before_training(
    tmp_path: Path, photos: Path, option: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        run(tmp_path / "run", photos, option, "model.augmentations_per_image=2")
    run(tmp_path / "anew", photos, option, epochs=1)
    assert metrics(tmp_path / "anew")["status"] == "finished"

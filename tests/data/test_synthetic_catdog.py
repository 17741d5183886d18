"""The drawn faces: what they are, and how hard it is to tell cats from dogs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import nn
from torch.nn import functional

from pellucid.data.catdog import DRAWN
from pellucid.data.synthetic_catdog import KINDS, Kind, draw_face, draw_faces


@pytest.mark.parametrize("size", [8, 32, 64, 129])
@pytest.mark.parametrize("kind", KINDS)
def test_a_face_has_the_size_asked_for(kind: Kind, size: int) -> None:
    face = draw_face(kind, size=size, seed=0)
    assert face.shape == (size, size, 3)
    assert face.dtype == np.uint8


def test_a_face_is_a_function_of_its_arguments() -> None:
    first = draw_face("cat", size=32, seed=5)
    draw_face("dog", size=32, seed=6)
    np.random.default_rng(0).random(100)
    assert np.array_equal(draw_face("cat", size=32, seed=5), first)


def test_kind_and_seed_change_the_face() -> None:
    faces = [draw_face(kind, size=32, seed=seed).tobytes() for kind in KINDS for seed in range(5)]
    assert len(set(faces)) == 10


def test_the_classes_alternate() -> None:
    images, labels = draw_faces(6, size=16, seed=0)
    assert images.shape == (12, 16, 16, 3)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 1] * 6


def test_all_faces_differ() -> None:
    images, _ = draw_faces(40, size=16, seed=0)
    assert len({image.tobytes() for image in images}) == 80
    ground = images.reshape(80, -1).astype(float)
    apart = np.abs(ground[:, None] - ground[None]).mean(-1) + 1000 * np.eye(80)
    assert apart.min() > 10, "no two look alike"


def test_more_faces_begin_with_the_same() -> None:
    few, _ = draw_faces(2, size=16, seed=3)
    many, _ = draw_faces(4, size=16, seed=3)
    assert np.array_equal(many[:4], few)


def test_another_seed_draws_other_faces() -> None:
    one, other = (draw_faces(3, size=16, seed=seed)[0] for seed in (0, 1))
    assert not {image.tobytes() for image in one} & {image.tobytes() for image in other}


def test_a_face_fills_the_range_of_brightness() -> None:
    images, _ = draw_faces(5, size=32, seed=0)
    assert images.std(axis=(1, 2, 3)).min() > 20


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Two threads that wait for one another take ten times as long where the cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def drawn() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """The data set as ``CatDog`` draws it."""
    found = {}
    for seed, (split, count) in enumerate(DRAWN.items()):
        images, labels = draw_faces(count, size=64, seed=seed)
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        found[split] = (pixels, torch.from_numpy(labels))
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("strength", [1e-5, 1e-3, 1e-1])
def test_pixels_alone_do_not_tell_cats_from_dogs(
    drawn: dict[str, tuple[torch.Tensor, torch.Tensor]], strength: float
) -> None:
    model = make_pipeline(
        StandardScaler(),
        PCA(400, random_state=0),
        LogisticRegression(C=strength, max_iter=5000),
    )
    train, test = ((x.flatten(1).numpy(), y.numpy()) for x, y in drawn.values())
    model.fit(*train)
    assert model.score(*test) < 0.8


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_small_net_learns_to_tell_them(drawn: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> None:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 2))
    (images, labels), (test_images, test_labels) = drawn.values()
    epochs, steps = 8, len(images) // 32
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    for _ in range(epochs):
        for index in torch.randperm(len(images)).view(steps, 32):
            batch = images[index]
            batch = torch.where(torch.rand(32, 1, 1, 1) < 0.5, batch.flip(-1), batch)
            loss = functional.cross_entropy(net(batch - 0.5), labels[index])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            scheduler.step()
    net.eval()
    with torch.no_grad():
        accuracy = float((net(test_images - 0.5).argmax(1) == test_labels).float().mean())
    assert accuracy > 0.9

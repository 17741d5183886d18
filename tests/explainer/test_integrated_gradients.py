"""Integrated gradients: numbers worked out by hand, completeness, and Captum's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from captum import attr
from torch import Tensor, nn
from torch.nn import functional

from pellucid.engine.build import make_explainers
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from pellucid.explainer import integrated_gradients
from pellucid.explainer.base import NO_MAP
from pellucid.explainer.integrated_gradients import IntegratedGradients
from pellucid.model.cnn import CNN
from tests.explainer.nets import small_cnn
from tests.helpers import compose, make_run


def test_a_linear_net_shows_weight_times_distance_from_black() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    net[1].weight = nn.Parameter(torch.tensor([[1.0, -2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0]]))
    # Two channels of 1 × 2 pixels; the first is black at -1, the second at -2.
    images = torch.tensor([[[[0.0, 1.0]], [[2.0, -2.0]]]])
    black = torch.tensor([[[-1.0, -1.0]], [[-2.0, -2.0]]])
    # Left pixel: 1 (0 + 1) + 3 (2 + 2) = 13; right pixel: -2 (1 + 1) + 4 (-2 + 2) = -4.
    found = IntegratedGradients(steps=2, most=2).explain(net, images, torch.tensor([0]), black)
    assert torch.allclose(found.maps_BHW, torch.tensor([[[13.0, -4.0]]]), atol=1e-5)
    assert found.notes == ("Δ 0.00 (0.0%)",)


class Cubed(nn.Module):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.flatten(1) ** 3


@pytest.mark.parametrize(
    ("most", "value", "note"),
    [(2, 12, "✗ too few points: Δ 50%"), (3, 9, "✗ too few points: Δ 12%"), (5, 8.25, "Δ 0.25 (3.1%)")],
)
def test_the_note_tells_the_error_of_the_integral(most: int, value: float, note: str) -> None:
    # From 0 to 2 the score rises by 8; slopes along the way: 0, halfway 2 · 3 · 1² = 6, at 2 · 3 · 2² = 24.
    # By trapezoids (0 + 24) / 2 = 12, and (0 + 2 · 6 + 24) / 4 = 9; with 1.5 and 13.5 at the quarters 8.25.
    found = IntegratedGradients(steps=2, most=most).explain(
        Cubed(), torch.full((1, 1, 1, 1), 2.0), torch.tensor([0]), torch.zeros(1, 1, 1)
    )
    assert found.maps_BHW.item() == pytest.approx(value, abs=1e-5)
    assert found.notes == (note,)


def test_points_are_added_until_the_sum_is_right_to_1_percent() -> None:
    found = IntegratedGradients(steps=2, most=257).explain(
        Cubed(),
        torch.tensor([2.0, -1.0, 0.0]).view(3, 1, 1, 1),
        torch.tensor([0, 0, 0]),
        torch.zeros(1, 1, 1),
    )
    assert found.maps_BHW.flatten().tolist() == [
        pytest.approx(8, rel=0.01),
        pytest.approx(-1, rel=0.01),
        0,
    ]
    assert found.notes[2] == "Δ 0.00", "black itself: there is no rise to compare with"


class Bent(nn.Module):
    """Its score rises behind a brightness of 1.8 alone, from 1 less the slope; remembers what it has seen."""

    def __init__(self, slope: float = 1.0) -> None:
        super().__init__()
        self.seen: list[float] = []
        self.slope = slope

    def forward(self, images_BCHW: Tensor) -> Tensor:
        self.seen += images_BCHW.flatten().tolist()
        return 1 - self.slope + self.slope * (images_BCHW.flatten(1) - 1.8).relu()


def test_points_are_added_where_the_score_bends() -> None:
    net = Bent()
    found = IntegratedGradients(steps=9, most=257).explain(
        net, torch.full((1, 1, 1, 1), 2.0), torch.tensor([0]), torch.zeros(1, 1, 1)
    )
    assert found.maps_BHW.item() == pytest.approx(0.2, rel=0.01)
    added = net.seen[9:-3]  # at the end the image, black and noise: does the score move at all?
    assert 2 <= len(added) < 20
    assert added[:3] == [2.0, 2.0, 0.0], "the image, to count the operations; image and black, and noise:"
    assert len(added) > 4, "the score moves, so points are worth it"
    assert all(1.75 < brightness < 2 for brightness in added[4:])


def test_no_points_are_added_where_the_net_is_as_good_as_constant() -> None:
    net = Bent(slope=0.01)
    found = IntegratedGradients(steps=9, most=257).explain(
        net, torch.full((1, 1, 1, 1), 2.0), torch.tensor([0]), torch.zeros(1, 1, 1)
    )
    assert found.notes == (NO_MAP,)
    assert len(net.seen) == 9 + 1 + 3 + 3, "even points, counted operations, and twice whether it is constant"


def test_points_have_a_price(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a net too large to be run often, the even points are all there are."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 50), nn.ReLU(), nn.Linear(50, 2))
    images, target, black = torch.randn(2, 1, 4, 4), torch.tensor([0, 1]), torch.zeros(1, 4, 4)
    cost = 2 * (16 * 50 + 50 * 2)
    sizes = []
    for points in (3, 5, 9):
        monkeypatch.setattr(integrated_gradients, "WORK", points * cost)
        maps = IntegratedGradients(steps=3, most=257).explain(net, images, target, black).maps_BHW
        sizes.append(float((maps.sum(dim=(1, 2)) - rise(net, images, target, black)).abs().max()))
    assert sizes[0] > sizes[2]
    few = IntegratedGradients(steps=3, most=0).explain(net, images, target, black).maps_BHW
    monkeypatch.setattr(integrated_gradients, "WORK", 0)
    assert torch.equal(
        IntegratedGradients(steps=3, most=257).explain(net, images, target, black).maps_BHW, few
    )


def rise(net: nn.Module, images: Tensor, target: Tensor, black: Tensor) -> Tensor:
    """The scores above that of black."""
    net.eval()
    with torch.no_grad():
        risen: Tensor = net(images) - net(black[None])
    return risen.gather(1, target[:, None])[:, 0]


def seeded_cnn() -> CNN:
    torch.manual_seed(0)
    return small_cnn()


def test_a_map_sums_to_the_score_above_that_of_black() -> None:
    net = seeded_cnn()
    with torch.no_grad():
        net.head.weight.mul_(100)  # scores as far apart as a trained net's
    images = functional.interpolate(torch.randn(4, 3, 4, 4), (16, 16), mode="bicubic")
    target = torch.tensor([0, 1, 2, 3])
    black = torch.tensor([-2.1, -2.0, -1.8])[:, None, None].expand(3, 16, 16)
    found = IntegratedGradients(steps=9, most=1025).explain(net.train(), images, target, black)
    expected = rise(net, images, target, black)
    sums = found.maps_BHW.sum(dim=(1, 2))
    assert expected.abs().max() > 3
    assert ((sums - expected).abs() < 0.0101 * expected.abs()).all()
    shares = [float(note.partition("(")[2].removesuffix("%)")) / 100 for note in found.notes]
    assert shares == pytest.approx(((sums - expected) / expected).abs().tolist(), abs=0.001)


def test_the_same_as_captum() -> None:
    net = seeded_cnn()
    images, target, black = torch.randn(3, 3, 16, 16), torch.tensor([0, 3, 1]), torch.randn(3, 16, 16)
    maps = IntegratedGradients(steps=33, most=0).explain(net.train(), images, target, black).maps_BHW
    expected = attr.IntegratedGradients(net.eval()).attribute(
        images, black[None], target, n_steps=33, method="riemann_trapezoid"
    )
    expected = expected.sum(dim=1) * 33 / 32  # Captum's weights add up to 32 / 33
    assert torch.allclose(maps, expected, atol=1e-5)
    assert expected.abs().max() > 1e-2


@pytest.mark.parametrize(("model", "epochs"), [("cnn", 2), ("dnn", 2)])
def test_of_a_trained_net_the_sum_is_right_to_1_percent(model: str, epochs: int, tmp_path: Path) -> None:
    """With the options as they are."""
    check_trained(make_run(tmp_path / "run", f"model={model}", f"trainer.max_epochs={epochs}"))


@pytest.mark.slow
def test_of_a_trained_deep_net_too(tmp_path: Path, photos: Path) -> None:
    data = ("data=catdog", f"data.root={photos}", "data.image_size=40", f"data.cache={tmp_path / 'cache'}")
    quick = (
        "recipe=plain",
        "optimizer=adam",
        "model.dropout=[0,0,0]",
        "data.batch_size=8",
        "trainer.max_epochs=6",
    )
    check_trained(make_run(tmp_path / "run", "model=xai", *data, *quick))


def check_trained(run: Path) -> None:
    trained = restore(run, accelerator="cpu")
    test, predictor = trained.data().splits["test"], trained.predictor()
    images = predictor.inputs(test.images(torch.linspace(0, len(test) - 1, 10).long()))
    black = predictor.inputs(torch.zeros(1, *trained.spec.image_shape, dtype=torch.uint8))[0]
    target = predictor.run(images).argmax(dim=1)
    explainer = make_explainers(compose("explainer=integrated_gradients"))["integrated_gradients"]
    sums = explainer.explain(trained.net, images, target, black).maps_BHW.sum(dim=(1, 2))
    expected = rise(trained.net, images, target, black)
    assert ((sums - expected).abs() <= 0.0101 * expected.abs() + 1e-5).all()
    assert expected.abs().min() > 0.02, "there is something to explain"


def test_a_configuration_from_before_points_were_added() -> None:
    config = compose("explainer=integrated_gradients")
    del config["explainer"]["integrated_gradients"]["most"]
    config["explainer"]["integrated_gradients"]["steps"] = 32
    explainer = make_explainers(config)["integrated_gradients"]
    assert isinstance(explainer, IntegratedGradients)
    assert (explainer.steps, explainer.most) == (32, 0)


def test_steps_are_checked() -> None:
    with pytest.raises(UserError, match="steps=1: expected at least 2"):
        IntegratedGradients(steps=1, most=9)

"""Explanations of a net that can be worked out by hand, and trust in them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pellucid.explainer.base import NO_MAP, Explanation
from pellucid.explainer.faithfulness import Faithfulness
from pellucid.explainer.grad_cam import NO_MAPS, GradCAM
from pellucid.explainer.occlusion import Occlusion
from pellucid.explainer.saliency import Saliency
from pellucid.inside.predictor import Predictor
from pellucid.view import explanations as view
from pellucid.view.explanations import (
    Attribution,
    affordable_measures,
    applicable,
    attributions,
    explained_scores,
    explanations_in_time,
    method_trust,
)

MakePredictor = Callable[[nn.Module], Predictor]


FAITHFULNESS = Faithfulness(
    deletion_B=torch.tensor([0.1, 0.1, 0.5, 0.1]),
    insertion_B=torch.tensor([0.9, 0.9, 0.5, 0.9]),
    random_deletion_RB=torch.tensor([[0.3] * 4, [0.5] * 4]),
    random_insertion_RB=torch.full((2, 4), 0.5),
)
ATTRIBUTION = Attribution(
    maps=Explanation(torch.zeros(6, 1, 1), ("", NO_MAP, "✗ odd", "", "", ""), "Method"),
    measured={0: 0, 2: 1, 3: 2, 4: 3},
    faithfulness=FAITHFULNESS,
    correlation_M=torch.tensor([0.2, 0.2, 0.6, 0.6]),
)


@pytest.mark.parametrize(
    ("position", "verdict"),
    [
        (0, ("gain 0.80, random 0.10", True)),
        (1, ("", None)),
        (2, ("gain 0.80, random 0.10", None)),
        (3, ("no better than random", False)),
        (4, ("alike without training: 0.60", False)),
        (5, ("trust not measured", None)),
    ],
    ids=["trusted", "no map", "a note against it", "no gain", "alike", "not measured"],
)
def test_the_verdict_on_a_map(position: int, verdict: tuple[str, bool | None]) -> None:
    assert ATTRIBUTION.verdict(position) == verdict


def test_figures_of_a_map() -> None:
    figures = ATTRIBUTION.figures(0)
    assert figures.pop("better_than_random") is True
    assert figures == pytest.approx(
        {
            "deletion": 0.1,
            "insertion": 0.9,
            "random_deletion": 0.4,
            "random_insertion": 0.5,
            "likeness_to_other_weights": 0.2,
        }
    )
    assert ATTRIBUTION.figures(1) == {"map": False}
    assert ATTRIBUTION.figures(5) == {}


def test_trust_in_a_method_is_the_mean_over_what_was_measured() -> None:
    trust = method_trust([ATTRIBUTION.figures(position) for position in (0, 1, 3, 5)])
    assert trust is not None
    assert (trust.measured, trust.better) == (2, 1)
    assert trust.gain == pytest.approx((0.9 + 0.5) / 2 - (0.1 + 0.5) / 2)
    assert trust.random_gain == pytest.approx(0.5 - 0.4)
    assert trust.correlation == pytest.approx((0.2 + 0.6) / 2)
    assert method_trust([{}, {"map": False}]) is None


class Linear(nn.Module):
    """Class 1 is the sum of the pixels, class 0 is nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images_BCHW: Tensor) -> Tensor:
        sums_B = (self.weight * images_BCHW).flatten(1).sum(dim=1)
        return torch.stack([torch.zeros_like(sums_B), sums_B], dim=1)


def test_the_score_that_is_explained(make_predictor: MakePredictor) -> None:
    predictor, inputs = make_predictor(Linear()), torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
    for target, expected in (("predicted", [1, 0]), ("true", [0, 0]), ("dog", [1, 1])):
        scores = explained_scores(predictor, inputs, target, torch.tensor([0, 0]))
        assert scores.target_B.tolist() == expected
        assert scores.scores_BK.tolist() == [[0, 1], [0, -1]]
        assert scores.predicted.tolist() == [1, 0]
    assert scores.probabilities[0].tolist() == pytest.approx([1 / (1 + math.e), math.e / (1 + math.e)])


def test_methods_that_cannot_explain_a_net_say_why(make_predictor: MakePredictor) -> None:
    explainers = {"grad_cam": GradCAM(), "saliency": Saliency()}
    chosen = applicable(make_predictor(Linear()), explainers)
    assert chosen.refused == {"grad_cam": NO_MAPS}
    assert list(chosen.explainers) == ["saliency"]


def test_the_images_that_are_measured_are_tried_and_the_others_are_not(make_predictor: MakePredictor) -> None:
    predictor, inputs = make_predictor(Linear()), torch.arange(8.0).view(2, 1, 2, 2) / 8
    target = torch.tensor([1, 1])
    ((name, plain),) = attributions(predictor, {"saliency": Saliency()}, inputs, target)
    assert (name, plain.measured, plain.faithfulness) == ("saliency", {}, None)
    ((_, tried),) = attributions(
        predictor, {"saliency": Saliency()}, inputs, target, measured=[1], randomized=predictor.net
    )
    assert tried.measured == {1: 0}
    assert tried.faithfulness is not None
    assert tried.faithfulness.deletion_B.shape == (1,)
    assert torch.equal(tried.maps.maps_BHW, torch.ones(2, 2, 2)), "the gradient of each pixel"


def test_trust_is_measured_of_as_many_images_as_are_cheap(
    make_predictor: MakePredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cost, count in ((1e9, 20), (1e15, 3)):  # 3e12 operations, of 150 passes an image
        monkeypatch.setattr(view, "operations", lambda *_, cost=cost: cost)
        assert affordable_measures(make_predictor(Linear())) == count


def test_cheap_methods_come_first_and_all_images_where_there_is_time(make_predictor: MakePredictor) -> None:
    predictor, inputs = make_predictor(Linear()), torch.rand(10, 1, 2, 2)
    occlusion, saliency = Occlusion(window=0.5, stride=0.5), Saliency()
    explainers = {"occlusion": occlusion, "saliency": saliency, "grad_cam": GradCAM()}
    options = (predictor, explainers, lambda positions: inputs[positions], torch.ones(10, dtype=torch.long))
    done = [(explainer, positions) for explainer, positions, _ in explanations_in_time(*options, seconds=600)]
    first, rest = list(range(8)), [8, 9]
    assert done == [(saliency, first), (saliency, rest), (occlusion, first), (occlusion, rest)]
    assert list(explanations_in_time(*options, seconds=0)) == []

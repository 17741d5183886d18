"""Mixing: pixels and labels worked out by hand, and draws that are a function of their place."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import UserError
from pellucid.task.classification import Classification
from pellucid.task.mix import Mixer, Mixture
from pellucid.task.multilabel import Multilabel
from pellucid.task.scores import ScoresTask

SHAPE = (1, 4, 4)
NAMES = ["mixup", "cutmix", "both"]


class Linear(nn.Module):
    """Three scores an image."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 3)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        scores: Tensor = self.layer(images_BCHW.flatten(1))
        return scores


def numbered(count: int, side: int = 32) -> Tensor:
    """Images of one value each: 0, 1, 2 …"""
    return torch.arange(float(count)).view(-1, 1, 1, 1).expand(count, 1, side, side)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_and_its_partner_share_the_pixels_as_the_share_says(name: str) -> None:
    mixer, images = Mixer(name), numbered(6)  # type: ignore[arg-type]
    kinds = set()
    for step in range(40):
        mixture = mixer(images, 0, 1, 0, step)
        assert mixture is not None
        assert sorted(mixture.partner_B.tolist()) == list(range(6))
        assert not (mixture.partner_B == torch.arange(6)).any(), "none is mixed with itself"
        expected_B = mixture.share * torch.arange(6) + (1 - mixture.share) * mixture.partner_B
        torch.testing.assert_close(mixture.images_BCHW.mean(dim=(1, 2, 3)), expected_B)
        flat = bool((mixture.images_BCHW == mixture.images_BCHW[..., :1, :1]).all())
        kinds.add("nothing" if mixture.share in (0, 1) else "mixup" if flat else "cutmix")
        if not flat:
            assert set(mixture.images_BCHW.flatten().tolist()) <= set(range(6))
    assert kinds - {"nothing"} == ({"mixup", "cutmix"} if name == "both" else {name})
    assert torch.equal(images, numbered(6)), "the batch stays as it was"


def test_a_mixing_is_a_function_of_seed_epoch_rank_and_step() -> None:
    def at(*place: int) -> tuple[float, list[int]]:
        mixture = Mixer("mixup")(numbered(8), *place)
        assert mixture is not None
        return mixture.share, mixture.partner_B.tolist()

    assert at(0, 1, 2, 3) == at(0, 1, 2, 3)
    assert len({at(*place)[0] for place in ((0, 1, 2, 3), (1, 1, 2, 3), (0, 2, 2, 3), (0, 1, 3, 3))}) == 4
    before = torch.get_rng_state()
    at(0, 0, 0, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_alpha_and_probability() -> None:
    def shares(**given: Any) -> list[float]:
        drawn = [Mixer("mixup", **given)(numbered(2, 1), 0, 0, 0, step) for step in range(2000)]
        return [mixture.share for mixture in drawn if mixture]

    assert abs(len(shares(probability=0.3)) / 2000 - 0.3) < 0.03
    for alpha in (0.2, 1.0, 4.0):
        drawn = torch.tensor(shares(alpha=alpha))
        assert float(drawn.mean()) == pytest.approx(0.5, abs=0.03)
        assert float(drawn.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)  # of a Beta


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"mix": "mixip"},
            r"task\.mix=mixip: expected one of none, mixup, cutmix, both. Did you mean 'mixup'",
        ),
        ({"mix": "mixup", "mix_alpha": 0.0}, r"task\.mix_alpha=0\.0: expected a number above 0, or null"),
        ({"mix": "mixup", "mix_alpha": float("inf")}, r"task\.mix_alpha=inf: expected"),
        (
            {"mix": "both", "mix_probability": 0.0},
            r"task\.mix_probability=0\.0: expected a share of the batches, above 0",
        ),
        ({"mix": "both", "mix_probability": 1.5}, r"task\.mix_probability=1\.5: expected"),
        ({"mix": "mixup", "num_classes": 1}, r"task\.mix=mixup: the images have one class"),
    ],
)
def test_wrong_options_are_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        task(**given)


def task(kind: type[ScoresTask] = Classification, **given: Any) -> Any:
    torch.manual_seed(0)
    return kind(net=Linear(), image_shape=SHAPE, **{"num_classes": 3, **given})


def batch() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    return torch.randn(6, *SHAPE, generator=random), torch.tensor([0, 1, 2, 2, 1, 0])


def mixed(mix: str = "mixup") -> Mixture:
    """The mixing of the first step."""
    mixture = Mixer(mix)(batch()[0], 0, 0, 0, 0)  # type: ignore[arg-type]
    assert mixture is not None
    return mixture


@pytest.mark.parametrize(
    "given", [{}, {"label_smoothing": 0.2}, {"loss": nn.CrossEntropyLoss(label_smoothing=0.2)}]
)
def test_the_loss_is_torchs_of_mixed_labels(given: dict[str, Any]) -> None:
    made, (images, labels), mixture = task(mix="mixup", **given), batch(), mixed()
    one_hot = functional.one_hot(labels, 3).float()
    soft = mixture.share * one_hot + (1 - mixture.share) * one_hot[mixture.partner_B]
    smoothing = 0.2 if given else 0.0
    expected = functional.cross_entropy(made.net(mixture.images_BCHW), soft, label_smoothing=smoothing)
    torch.testing.assert_close(made.training_step((images, labels), 0), expected)


def test_weights_count_by_their_shares() -> None:
    weights_K = [1.0, 5.0, 2.0]
    made, (images, labels), mixture = task(mix="cutmix", class_weights=weights_K), batch(), mixed("cutmix")
    weights_B = torch.arange(1.0, 7.0)
    losses = functional.cross_entropy
    scores, share = made.net(mixture.images_BCHW), mixture.share
    total = count = torch.tensor(0.0)
    for index in range(6):
        for source, part in ((index, share), (int(mixture.partner_B[index]), 1 - share)):
            weight = part * weights_B[source] * weights_K[labels[source]]
            total = total + weight * losses(scores[index : index + 1], labels[source : source + 1])
            count = count + weight
    torch.testing.assert_close(made.training_step((images, labels, weights_B), 0), total / count)


def test_a_focal_loss_is_mixed_of_both_labels() -> None:
    made, (images, labels), mixture = task(mix="mixup", focal=2.0), batch(), mixed()
    log_p = made.net(mixture.images_BCHW).log_softmax(dim=1)
    focal = -((1 - log_p.exp()) ** 2) * log_p
    rows = torch.arange(6)
    one, other = focal[rows, labels].mean(), focal[rows, labels[mixture.partner_B]].mean()
    expected = mixture.share * one + (1 - mixture.share) * other
    torch.testing.assert_close(made.training_step((images, labels), 0), expected)


def test_several_labels_are_mixed_too() -> None:
    made, (images, _), mixture = task(Multilabel, mix="mixup"), batch(), mixed()
    targets = torch.tensor([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1]]).bool()
    soft = mixture.share * targets.float() + (1 - mixture.share) * targets[mixture.partner_B].float()
    expected = functional.binary_cross_entropy_with_logits(made.net(mixture.images_BCHW), soft)
    torch.testing.assert_close(made.training_step((images, targets), 0), expected)


def test_training_metrics_count_against_the_larger_share_and_validation_is_not_mixed() -> None:
    made, (images, labels) = task(mix="mixup"), batch()
    for step in range(5):
        made.training_step((images, labels), step)
    predicted, counted = made.steps["train"].all()[2]
    shares = []
    for step, (seen, of_step) in enumerate(zip(predicted.split(6), counted.split(6), strict=True)):
        mixture = made.mixer(images, 0, 0, 0, step)
        shares.append(mixture.share >= 0.5)
        assert torch.equal(seen, made.net(mixture.images_BCHW).argmax(dim=1))
        assert torch.equal(of_step, labels if shares[-1] else labels[mixture.partner_B])
    assert len(set(shares)) == 2
    torch.testing.assert_close(made.validation_step((images, labels), 0), made.net(images))
    plain = task()
    plain.validation_step((images, labels), 0)
    assert torch.equal(*(one.steps["val"].all()[0] for one in (made, plain)))


def test_a_rank_mixes_its_own_batch_in_its_own_way() -> None:
    made, (images, labels), share = task(mix="mixup"), batch(), {}
    made._step = lambda batch, stage: pytest.fail("not mixed")
    for rank in (0, 1):
        made._trainer = SimpleNamespace(global_rank=rank, current_epoch=3)
        seen: list[Any] = []
        made._take_step = lambda *given, seen=seen: (seen.append(given), (torch.tensor(0.0), None))[1]
        made.training_step((images, labels), 5)
        expected = made.mixer(images, 0, 3, rank, 5)
        assert torch.equal(seen[0][0][0], expected.images_BCHW)
        share[rank] = seen[0][2].share
    assert share[0] != share[1]


@pytest.mark.parametrize("inputs", [torch.zeros(1, *SHAPE), torch.zeros(4, 16)])
def test_what_cannot_be_mixed_is_told(inputs: Tensor) -> None:
    with pytest.raises(UserError, match=r"task\.mix=mixup: expected batches of two images or more\."):
        task(mix="mixup").training_step((inputs, torch.zeros(len(inputs), dtype=torch.long)), 0)


class OwnStep(Classification):
    def _step(self, batch: tuple[Tensor, ...], stage: str) -> tuple[Tensor, Tensor]:
        return super()._step(batch, stage)


def test_a_step_of_ones_own_mixes_itself() -> None:
    with pytest.raises(UserError, match=r"task\.mix=mixup: OwnStep has a _step of its own"):
        task(OwnStep, mix="mixup")

"""Cross-entropy and accuracy by hand, and which nets can be trained so."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import UserError
from pellucid.task.loss import cross_entropies
from tests.task.nets import Fixed, Heads, Own, classification


def test_cross_entropy_and_accuracy_by_hand() -> None:
    task = classification(Fixed([math.log(3.0), 0.0]))  # probabilities 3/4 and 1/4
    images = torch.zeros(4, 1, 2, 2)
    task._step((images, torch.tensor([0, 0, 0, 1])), "val")
    values = {name: float(value) for name, value in task.compute_metrics("val").items()}
    assert values["accuracy"] == pytest.approx(3 / 4)
    assert values["loss"] == pytest.approx((3 * math.log(4 / 3) + math.log(4)) / 4)


def test_metrics_weigh_images_not_batches() -> None:
    task = classification(Fixed([1.0, 0.0]))
    task._step((torch.zeros(3, 1, 2, 2), torch.zeros(3, dtype=torch.long)), "val")
    task._step((torch.zeros(1, 1, 2, 2), torch.ones(1, dtype=torch.long)), "val")
    assert float(task.compute_metrics("val")["accuracy"]) == pytest.approx(3 / 4)


@pytest.mark.parametrize(
    "gives",
    [
        lambda logits: Heads(logits, 0 * logits),
        lambda logits: {"logits": logits, "features": logits[:, :1], "aux": 0 * logits},
        lambda logits: [logits, 0 * logits, None],
    ],
    ids=["namedtuple", "dict", "list"],
)
def test_auxiliary_heads_share_in_the_loss(gives: Callable[[Tensor], Any]) -> None:
    torch.manual_seed(0)
    task = classification(Own(gives))
    images, labels = torch.randn(4, 1, 2, 2), torch.tensor([0, 1, 1, 0])
    given = images.clone()
    loss, logits = task._step((images, labels), "train")
    expected = functional.cross_entropy(logits, labels) + 0.4 * math.log(2)
    assert torch.allclose(loss, expected)
    task.eval()
    loss, logits = task._step((images, labels), "val")
    assert torch.allclose(loss, functional.cross_entropy(logits, labels))
    assert torch.equal(images, given), "a net that writes into its images has a copy of its own"
    task.net(images.requires_grad_()).sum().backward()
    assert images.grad is not None


def test_a_net_of_another_kind_is_refused() -> None:
    with pytest.raises(UserError, match="gives 3 class scores"):
        classification(Fixed([0.0, 0.0]), classes=3)
    with pytest.raises(UserError, match="label_smoothing"):
        classification(Fixed([0.0, 0.0]), smoothing=1.0)


def step(task: Any, images: int, labels: list[int], weights: list[float] | None, stage: str) -> float:
    more = () if weights is None else (torch.tensor(weights),)
    loss, _ = task._step((torch.zeros(images, 1, 2, 2), torch.tensor(labels), *more), stage)
    return float(loss.detach())


def test_weights_of_classes_and_images_by_hand() -> None:
    """Probabilities 3/4 and 1/4: three images lose log(4/3) each and one log(4)."""
    low, high = math.log(4 / 3), math.log(4)
    task = classification(Fixed([math.log(3.0), 0.0]), class_weights=[1, 5])
    labels = [0, 0, 0, 1]
    assert step(task, 4, labels, None, "train") == pytest.approx((3 * low + 5 * high) / (3 + 5))
    weighted = step(task, 4, labels, [1, 0, 0, 2], "train")
    assert weighted == pytest.approx((low + 2 * 5 * high) / (1 + 2 * 5))
    for stage in ("val", "test"):
        assert step(task, 4, labels, None, stage) == pytest.approx((3 * low + high) / 4), "plain"
    plain = classification(Fixed([math.log(3.0), 0.0]))
    assert step(plain, 4, labels, [1, 0, 0, 2], "train") == pytest.approx((low + 2 * high) / 3)
    focal = classification(Fixed([math.log(3.0), 0.0]), focal=2.0)
    expected = (3 * low / 16 + high * 9 / 16) / 4
    assert step(focal, 4, labels, None, "val") == pytest.approx(expected)


def test_the_loss_that_is_predicted_is_that_of_validation() -> None:
    task = classification(Fixed([math.log(3.0), 0.0]), smoothing=0.1, focal=1.0, class_weights=[1, 5])
    images, labels = torch.zeros(4, 1, 2, 2), torch.tensor([0, 0, 0, 1])
    loss, logits = task._step((images, labels), "val")
    losses = task.predictions(images, logits, labels)["loss"]
    torch.testing.assert_close(losses, cross_entropies(logits, labels, label_smoothing=0.1, focal=1.0))
    torch.testing.assert_close(losses.mean(), loss)


def test_balanced_weights_are_in_the_checkpoint_and_stay() -> None:
    task = classification(Fixed([0.0, 0.0]), class_weights="balanced")
    with pytest.raises(UserError, match="labels are not known"):
        task.on_fit_start()
    task.fit_targets(torch.tensor([0, 0, 0, 1]))
    task.on_fit_start()
    assert task.state_dict()["class_weights"].tolist() == pytest.approx([4 / 6, 4 / 2])
    again = classification(Fixed([0.0, 0.0]), class_weights="balanced")
    again.load_state_dict(task.state_dict())
    again.fit_targets(torch.tensor([0, 1]))
    assert torch.equal(again.state_dict()["class_weights"], task.state_dict()["class_weights"])
    assert "class_weights" not in classification(Fixed([0.0, 0.0])).state_dict()


class Alone(nn.Module):
    """A loss of all images together."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, output: Tensor, targets: Tensor) -> Tensor:
        return self.scale * functional.cross_entropy(output, targets).square()


def test_a_loss_of_ones_own() -> None:
    net = Fixed([1.0, 0.0])
    task = classification(net, loss=nn.MultiMarginLoss())
    labels, logits = [0, 1, 1], net.scores.detach().expand(3, 2)
    each = functional.multi_margin_loss(logits, torch.tensor(labels), reduction="none")
    assert step(task, 3, labels, None, "train") == pytest.approx(float(each.mean()))
    weights = torch.tensor([1.0, 0.0, 3.0])
    expected = float((each * weights).sum() / 4)
    assert step(task, 3, labels, weights.tolist(), "train") == pytest.approx(expected)
    values = task.predictions(torch.zeros(3, 1, 2, 2), logits, torch.tensor(labels))
    torch.testing.assert_close(values["loss"], each)

    together = classification(net, loss=Alone())
    assert "loss" not in together.predictions(torch.zeros(3, 1, 2, 2), logits, torch.tensor(labels))
    with pytest.raises(UserError, match="The images have weights, and Alone gives no loss of each"):
        step(together, 3, labels, [1, 1, 1], "train")
    optimizer = together.configure_optimizers()
    assert isinstance(optimizer, torch.optim.Optimizer)
    assert len(optimizer.param_groups[0]["params"]) == 2, "what the loss learns is learned"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"class_weights": [1.0]}, r"class_weights=\[1\.0\]: expected a number, 0 or more, for each of 2"),
        ({"class_weights": [0, 0]}, "not all of them 0"),
        ({"class_weights": [1, math.inf]}, "expected a number"),
        ({"class_weights": "even"}, "class_weights=even: expected none, balanced or a list"),
        ({"focal": -1.0}, r"task\.focal=-1\.0: expected 0"),
        ({"focal": math.nan}, r"task\.focal=nan"),
        ({"loss": nn.CrossEntropyLoss(), "focal": 2.0}, r"task\.focal: without effect on a loss of your own"),
        (
            {"loss": nn.CrossEntropyLoss(), "class_weights": "balanced", "smoothing": 0.1},
            r"task\.label_smoothing, task\.class_weights: without effect",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        classification(Fixed([0.0, 0.0]), **options)

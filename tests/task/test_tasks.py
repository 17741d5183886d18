"""Losses and metrics by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import UserError
from pellucid.task.classification import Classification
from pellucid.task.metric import MeanOverImages
from pellucid.task.reconstruction import Reconstruction


class Fixed(nn.Module):
    """Gives the same scores for every image."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.tensor(scores))

    def forward(self, images: Tensor) -> Tensor:
        return self.scores.expand(len(images), -1)


def classification(net: nn.Module, classes: int = 2, smoothing: float = 0.0) -> Classification:
    return Classification(
        net=net,
        optimizer=lambda p: torch.optim.SGD(p, lr=0.1),
        scheduler=None,
        image_shape=(1, 2, 2),
        num_classes=classes,
        label_smoothing=smoothing,
        seed=0,
    )


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


def test_mean_over_images_by_hand() -> None:
    metric = MeanOverImages()
    metric.update(torch.tensor([1.0, 5.0]), torch.tensor([3, 1]))
    assert float(metric.compute()) == 2.0
    metric.reset()
    metric.update(torch.tensor([7.0]), torch.tensor([2]))
    assert float(metric.compute()) == 7.0


class Own(nn.Module):
    """As people write them: it gives more than scores in training, and may write into what it is given."""

    def __init__(self, gives: Callable[[Tensor], Any] = lambda logits: logits, extra: object = None) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(4, 2), nn.BatchNorm1d(2)
        self.gives, self.extra = gives, extra

    def forward(self, images: Tensor) -> Any:
        logits = self.norm(self.linear(images.neg_().flatten(1)))
        return self.gives(logits) if self.training else logits

    def get_extra_state(self) -> object:
        return self.extra

    def set_extra_state(self, state: object) -> None:
        self.extra = state


class Heads(NamedTuple):
    logits: Tensor
    aux: Tensor | None


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


def test_trying_a_net_leaves_it_as_it_was() -> None:
    net = Own()
    state = torch.get_rng_state()
    classification(net)
    assert torch.equal(torch.get_rng_state(), state)
    assert net.state_dict()["norm.num_batches_tracked"] == 0


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (Own(lambda logits: Heads(logits[:, :1], None)), "gives a Heads in training mode"),
        (Own().requires_grad_(False), "No parameter of Own is trained"),
        (Own(extra=nn.ReLU()), "_extra_state of Own: expected numbers, texts, tensors"),
    ],
)
def test_nets_that_cannot_be_trained_are_told_at_the_door(net: nn.Module, message: str) -> None:
    with pytest.raises(UserError, match=message):
        classification(net)


def test_stages_have_metrics_of_their_own() -> None:
    task = classification(Fixed([1.0, 0.0]))
    task._step((torch.zeros(2, 1, 2, 2), torch.zeros(2, dtype=torch.long)), "train")
    task._step((torch.zeros(2, 1, 2, 2), torch.ones(2, dtype=torch.long)), "val")
    assert float(task.compute_metrics("train")["accuracy"]) == 1
    assert float(task.compute_metrics("val")["accuracy"]) == 0


class Copy(nn.Module):
    """Gives grey images."""

    def __init__(self) -> None:
        super().__init__()
        self.grey = nn.Parameter(torch.tensor(0.5))

    def forward(self, images: Tensor) -> Tensor:
        return self.grey.expand_as(images)


def test_reconstruction_error_in_pixels_by_hand() -> None:
    task = Reconstruction(
        net=Copy(),
        optimizer=lambda p: torch.optim.SGD(p, lr=0.1),
        scheduler=None,
        image_shape=(1, 2, 2),
        mean=[0.2],
        std=[0.4],
        seed=0,
    )
    pixels = torch.tensor([0.0, 0.5, 1.0, 0.5]).view(1, 1, 2, 2)
    loss, _ = task._step(((pixels - 0.2) / 0.4, torch.zeros(1)), "test")
    assert float(loss.detach()) == pytest.approx((0.25 + 0 + 0.25 + 0) / 4)


def test_only_trained_parameters_reach_the_optimizer() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Linear(3, 2))
    net[1].requires_grad_(False)
    optimizer = classification(net).configure_optimizers()
    assert isinstance(optimizer, torch.optim.Optimizer)
    assert [p.shape for g in optimizer.param_groups for p in g["params"]] == [(2, 3), (2,)]
    net.requires_grad_(False)
    with pytest.raises(UserError, match=r"model\.trainable"):
        classification(net).configure_optimizers()


@pytest.mark.parametrize(
    ("maker", "options", "fused"),
    [
        (torch.optim.Adam, {}, True),
        (torch.optim.SGD, {"lr": 0.1}, True),
        (torch.optim.Adam, {"fused": False}, False),
        (torch.optim.AdamW, {"foreach": True}, None),
        (torch.optim.RMSprop, {}, None),
    ],
)
def test_fused_where_torch_has_it_and_nothing_else_is_asked(
    maker: Any, options: dict[str, Any], fused: bool | None
) -> None:
    task = classification(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))
    task.make_optimizer = partial(maker, **options)
    assert made(task).defaults.get("fused") is fused


@pytest.mark.parametrize(
    ("clip", "scaler", "fused"), [(0.5, object(), False), (None, object(), True), (0.5, None, True)]
)
def test_scaled_gradients_can_be_clipped(clip: float | None, scaler: object, fused: bool) -> None:
    """In 16-mixed Lightning refuses to clip for a fused optimizer."""
    task = classification(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))
    task.make_optimizer = partial(torch.optim.Adam)
    precision = SimpleNamespace(scaler=scaler)
    task._trainer = SimpleNamespace(gradient_clip_val=clip, precision_plugin=precision)  # type: ignore[assignment]
    assert made(task).defaults["fused"] is fused


def made(task: Classification) -> torch.optim.Optimizer:
    optimizer = task.configure_optimizers()
    assert isinstance(optimizer, torch.optim.Optimizer)
    return optimizer


def test_a_net_of_another_kind_is_refused() -> None:
    with pytest.raises(UserError, match="gives 3 class scores"):
        classification(Fixed([0.0, 0.0]), classes=3)
    with pytest.raises(UserError, match="label_smoothing"):
        classification(Fixed([0.0, 0.0]), smoothing=1.0)


def test_a_net_that_takes_other_images_is_named() -> None:
    for net in (nn.Conv2d(3, 2, 1), nn.Conv2d(1, 2, 1).double()):
        with pytest.raises(UserError, match=r"^Conv2d does not take float32 images of 1 × 2 × 2: "):
            classification(net)

"""What every task does with its net, metrics, optimizer and scheduler."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from pellucid.errors import UserError
from pellucid.task.base import Task
from pellucid.task.classification import Classification
from tests.task.nets import Fixed, Heads, Own, classification


def test_trying_a_net_leaves_it_as_it_was() -> None:
    net = Own()
    state = torch.get_rng_state()
    classification(net)
    assert torch.equal(torch.get_rng_state(), state)
    assert net.state_dict()["norm.num_batches_tracked"] == 0


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (Own(lambda logits: Heads(logits[:, :1], None)), r"gives a Heads of \(2, 1\) in training mode"),
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
    ("clip", "precision", "fused"),
    [
        (0.5, MixedPrecision("bf16-mixed", "cpu"), False),
        (None, MixedPrecision("bf16-mixed", "cpu"), True),
        (0.5, Precision(), True),
    ],
)
def test_gradients_can_be_clipped_in_mixed_precision(
    clip: float | None, precision: Precision, fused: bool
) -> None:
    """There Lightning refuses to clip before a fused optimizer."""
    task = classification(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))
    task.make_optimizer = partial(torch.optim.Adam)
    task._trainer = SimpleNamespace(gradient_clip_val=clip, precision_plugin=precision)  # type: ignore[assignment]
    optimizer = made(task)
    assert optimizer.defaults["fused"] is fused
    precision.clip_gradients(optimizer, clip or 0.0)  # it does not raise


def made(task: Classification) -> torch.optim.Optimizer:
    optimizer = task.configure_optimizers()
    assert isinstance(optimizer, torch.optim.Optimizer)
    return optimizer


def test_a_task_says_what_chooses_the_best_checkpoint() -> None:
    class Nothing(Task):
        _make_metrics = _check_output = _step = Classification._step  # type: ignore[assignment]

    with pytest.raises(UserError, match="Nothing says no monitor and mode"):
        Nothing(net=Fixed([0.0, 0.0]), image_shape=(1, 2, 2))


def test_a_schedule_that_fails_later_is_told_before_the_training() -> None:
    task = classification(Fixed([1.0, 0.0]))
    task.check_schedule(3)
    task.make_scheduler = partial(OneCycleLR, max_lr=1.0, total_steps=2)
    task.check_schedule(2)
    with pytest.raises(
        UserError, match=r"scheduler\.max_lr=1\.0, scheduler\.total_steps=2\): .*Give it others"
    ):
        task.check_schedule(4)
    task.make_scheduler = partial(ReduceLROnPlateau, factor=0.5)
    task.check_schedule(3)


def test_the_noted_of_before_are_the_steps() -> None:
    task = classification(Fixed([1.0, 0.0]))
    assert task.noted is task.steps

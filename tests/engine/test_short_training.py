"""A short training on a copy."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from pellucid.engine.short_training import short_training
from tests.helpers import compose


class Seen(Callback):
    """Notes what it is called with."""

    def __init__(self) -> None:
        self.steps = 0
        self.weights: torch.Tensor | None = None
        self.inputs: tuple[int, ...] = ()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: tuple[torch.Tensor, ...], batch_idx: int
    ) -> None:
        self.inputs = tuple(batch[0].shape[1:])

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.steps = trainer.global_step
        self.weights = next(pl_module.parameters()).detach().clone()


def test_it_leaves_no_trace_and_is_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    config, state = compose("model=dnn"), torch.get_rng_state()
    first, second = Seen(), Seen()
    for seen in (first, second):
        short_training(config, seen, max_epochs=1, limit_train_batches=3, limit_val_batches=1)
    assert first.steps == 3
    assert first.weights is not None
    assert second.weights is not None
    assert torch.equal(first.weights, second.weights)
    assert torch.equal(torch.get_rng_state(), state)
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(("features", "shape"), [(True, (512,)), (False, (1, 32, 32))])
def test_features_of_frozen_layers_are_computed_once_or_each_time(
    features: bool, shape: tuple[int, ...]
) -> None:
    seen = Seen()
    config = compose("model=resnet_frozen", "model.weights=none", "model.stem=standard", "data.image_size=32")
    short_training(config, seen, features=features, max_epochs=1, limit_train_batches=1, limit_val_batches=0)
    assert seen.inputs == shape

"""A run as its views' host, of data whose images can be told by their brightness."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from pellucid.callbacks.host import Host
from pellucid.engine import host as host_module
from pellucid.engine.host import RunHost
from pellucid.model.cnn import CNN
from pellucid.model.dnn import DNN
from pellucid.spec import prepare
from pellucid.system.process import quiet_warnings
from pellucid.task.multilabel import Multilabel
from tests.callbacks.scene import SHAPE, Scene, autoencoder, classifier, multilabel, regression


def test_what_views_are_told_of_a_run(tmp_path: Path) -> None:
    host = classifier(tmp_path).host
    assert host.figures == tmp_path / "figures"
    assert host.log_file == tmp_path / "train.log"
    assert (host.total, host.batch_size, host.source, host.split) == (8, 3, "eight", "validation")
    assert host.best == ("val/accuracy", "max")
    assert host.predictions is None
    assert host.features(torch.arange(3)) is None, "nothing is frozen"
    host.record({"look/seconds/total": 1.5})
    assert host.run.metrics()["look/seconds/total"] == 1.5


def test_training_images_are_those_of_the_first_batches(tmp_path: Path) -> None:
    images = classifier(tmp_path).host.training_images(4)
    assert images.originals is not None
    assert len(images.received_BCHW) == len(images.originals) == 4
    assert torch.allclose(images.received_BCHW * 255, images.originals.pixels_BCHW.float())
    assert images.total == 8


class Own(nn.Module):
    """A net whose ``embed`` is not what its last linear layer sees."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(64, 3), nn.Linear(3, 2)

    def embed(self, images: Tensor) -> Tensor:
        doubled: Tensor = 2 * self.first(images.flatten(1))
        return doubled

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.last(self.first(images.flatten(1)))
        return logits


class Asking(Callback):
    """Asks for features once an epoch has ended."""

    def __init__(self, host: Host, index: Tensor) -> None:
        self.host, self.index, self.answers = host, index, list[Any]()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.answers.append(self.host.features(self.index))


def _asked(scene: Scene, index: Tensor, *more: Callback, expected: bool = True, **options: Any) -> list[Any]:
    """What is answered after each of two epochs."""
    if expected:
        scene.host.expect_features()
    asking, before = Asking(scene.host, index), _hooks(scene)
    scene.task.optimizer = lambda groups: torch.optim.SGD(groups, lr=0.5)
    settings = {"max_epochs": 2, "num_sanity_val_steps": 0} | options
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[scene.host, *more, asking],
        **settings,
    )
    with quiet_warnings():
        trainer.fit(scene.task, datamodule=scene.host.data)
    assert _hooks(scene) == before, "no hook is left"
    return asking.answers


def _hooks(scene: Scene) -> list[int]:
    return [len(m._forward_pre_hooks) + len(m._forward_hooks) for m in scene.task.modules()]


def _embedded(scene: Scene, index: Tensor) -> Tensor:
    """What the net now makes of those images."""
    data = scene.host.data
    with torch.no_grad():
        inputs = prepare(data.splits["val"].pick(index, data.spec.classes).pixels_BCHW, data.spec)
        vectors: Tensor = scene.task.net.eval().embed(inputs)  # type: ignore[operator]
    return vectors


@pytest.mark.parametrize("kind", [DNN, CNN])
def test_features_are_what_validation_saw_on_its_way(tmp_path: Path, kind: type[nn.Module]) -> None:
    """Of images in any order, with the weights of now."""
    torch.manual_seed(0)
    scene = classifier(tmp_path, kind(image_shape=SHAPE, num_classes=2))
    index = torch.tensor([7, 0, 4])
    first, last = _asked(scene, index)
    assert first.shape == last.shape
    assert abs(first - last).max() > 1e-3, "the weights have moved"
    assert torch.allclose(torch.from_numpy(last), _embedded(scene, index), rtol=1e-4, atol=1e-5)


class Repeating(nn.Module):
    """A net whose last linear layer runs twice an image, as with several samples of dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(64, 3), nn.Linear(3, 2)

    def embed(self, images: Tensor) -> Tensor:
        features: Tensor = self.first(images.flatten(1))
        return features

    def forward(self, images: Tensor) -> Tensor:
        features = self.embed(images)
        scores: Tensor = self.last(features) + self.last(features)
        return scores


def test_features_of_a_layer_that_runs_twice_are_those_of_their_images(tmp_path: Path) -> None:
    scene, index = classifier(tmp_path, Repeating()), torch.arange(8)
    _, last = _asked(scene, index)
    assert torch.allclose(torch.from_numpy(last), _embedded(scene, index), rtol=1e-4, atol=1e-5)


class Moving(Callback):
    """Changes the weights once they were validated, as an average of weights would."""

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        with torch.no_grad():
            for parameter in pl_module.parameters():
                parameter.mul_(1.5).add_(0.1)


def test_features_of_other_weights_are_none(tmp_path: Path) -> None:
    scene = classifier(tmp_path, DNN(image_shape=SHAPE, num_classes=2))
    assert _asked(scene, torch.arange(4), Moving()) == [None, None]


def test_features_before_more_steps_are_none(tmp_path: Path) -> None:
    """Validation within an epoch: one step follows."""
    scene = classifier(tmp_path, DNN(image_shape=SHAPE, num_classes=2))
    assert _asked(scene, torch.arange(4), val_check_interval=2) == [None, None]


def test_features_of_images_that_validation_left_out_are_none(tmp_path: Path) -> None:
    scene = classifier(tmp_path, DNN(image_shape=SHAPE, num_classes=2))
    assert _asked(scene, torch.arange(8), limit_val_batches=1) == [None, None]
    known = [scene.host.features(torch.tensor([image])) is not None for image in range(8)]
    assert sum(known) == 3, "one batch"


def test_features_of_a_net_that_embeds_in_its_own_way_are_none(tmp_path: Path) -> None:
    assert _asked(classifier(tmp_path / "own", Own()), torch.arange(4)) == [None, None]
    assert _asked(autoencoder(tmp_path / "auto"), torch.arange(4)) == [None, None]


def test_features_that_nobody_expects_or_that_are_too_many_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = classifier(tmp_path / "none", DNN(image_shape=SHAPE, num_classes=2))
    assert _asked(scene, torch.arange(4), expected=False) == [None, None]
    monkeypatch.setattr(host_module, "MAX_HEARD", 100)
    scene = classifier(tmp_path / "many", DNN(image_shape=SHAPE, num_classes=2))
    assert _asked(scene, torch.arange(4)) == [None, None]


def test_no_hook_is_left_where_validation_fails(tmp_path: Path) -> None:
    class Failing(Callback):
        def on_validation_batch_end(self, *args: Any) -> None:
            raise ValueError("no")

    scene = classifier(tmp_path, DNN(image_shape=SHAPE, num_classes=2))
    with pytest.raises(ValueError, match="no"):
        _asked(scene, torch.arange(4), Failing())
    assert isinstance(scene.host, RunHost)
    assert not any(_hooks(scene))


def test_what_validation_says_of_labels_and_numbers(tmp_path: Path) -> None:
    scene = multilabel(tmp_path / "labels")
    _asked(scene, torch.arange(2))
    predictions, task = scene.host.predictions, scene.task
    assert predictions is not None
    assert predictions.thresholds_K is not None
    assert isinstance(task, Multilabel)
    assert torch.equal(predictions.thresholds_K, task.thresholds), "those that it has just chosen"
    assert torch.equal(predictions.values["has"], predictions.values["scores"] >= task.thresholds)
    assert torch.equal(predictions.targets, scene.host.images.targets)
    assert predictions.has_labels
    scene = regression(tmp_path / "numbers")
    _asked(scene, torch.arange(2))
    predictions = scene.host.predictions
    assert predictions is not None
    assert predictions.has_numbers
    assert predictions.values["loss"].shape == (8,)
    assert predictions.worst(3).values["loss"].tolist() == sorted(predictions.values["loss"].tolist())[:-4:-1]

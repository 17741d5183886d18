"""A run's temperature: fitted on validation, kept, used for those weights and that tta alone."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid.data.images import Split
from pellucid.engine import temperature as temperatures
from pellucid.engine.temperature import NAME, Temperature, check_calibrates, fit, quality, stored, tempered
from pellucid.errors import UserError
from pellucid.metrics.calibration import calibration
from pellucid.task.classification import Classification
from pellucid.task.multilabel import Multilabel
from pellucid.task.reconstruction import Reconstruction

CHECKPOINT = Path("checkpoints/best.ckpt")


def split_of(labels_N: Tensor) -> Split:
    store = torch.arange(len(labels_N), dtype=torch.uint8).view(-1, 1, 1, 1)
    return Split.whole(store, labels_N, [str(index) for index in range(len(labels_N))])


def net_of(value: float) -> nn.Module:
    net = nn.Linear(2, 2)
    nn.init.constant_(net.weight, value)
    nn.init.zeros_(net.bias)
    return net


def fitted(net: nn.Module, *, tta: str = "none", checkpoint: Path = CHECKPOINT) -> Temperature:
    """Eight of ten right, all by the score 3: the temperature is 3 / ln 4."""
    scores = torch.tensor([[3.0, 0.0]]).repeat(10, 1)
    labels_N = torch.tensor([0] * 8 + [1] * 2)
    return fit(scores, split_of(labels_N), net=net, checkpoint=checkpoint, epoch=4, tta=tta)


def test_what_it_is_and_where_it_comes_from() -> None:
    found = fitted(net_of(1))
    assert found.temperature == pytest.approx(3 / np.log(4))
    assert (found.checkpoint, found.epoch, found.images, found.split) == ("best.ckpt", 4, 10, "val")
    assert found.after.ece == pytest.approx(0, abs=1e-6)
    assert found.before.ece == pytest.approx(1 / (1 + np.exp(-3)) - 0.8, abs=1e-6)
    assert found.after.nll == pytest.approx(-(0.8 * np.log(0.8) + 0.2 * np.log(0.2)))
    assert found.after.nll < found.before.nll
    assert fitted(net_of(1)).weights == found.weights != fitted(net_of(2)).weights
    other = fit(
        torch.tensor([[3.0, 0.0]]).repeat(10, 1),
        split_of(torch.tensor([1] * 2 + [0] * 8)),
        net=net_of(1),
        checkpoint=CHECKPOINT,
        epoch=4,
        tta="none",
    )
    assert other.fingerprint != found.fingerprint, "other labels of the same images"


def test_it_is_kept_by_checkpoint_and_tta(tmp_path: Path) -> None:
    net = net_of(1)
    assert stored(tmp_path, net, CHECKPOINT) is None
    one, flip = fitted(net), fitted(net, tta="flip")
    last = fitted(net_of(2), checkpoint=Path("last.ckpt"))
    for each in (one, flip, last, replace(one, epoch=7)):
        temperatures.save(tmp_path, each)
    assert temperatures.load(tmp_path) == [flip, replace(one, epoch=7), last]
    assert stored(tmp_path, net, CHECKPOINT) == replace(one, epoch=7)
    assert stored(tmp_path, net, CHECKPOINT, "flip") == flip
    assert stored(tmp_path, net, Path("a_copy.ckpt")) == replace(one, epoch=7), "the weights tell"


def test_of_other_weights_or_tta_it_is_told_and_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="pellucid")
    temperatures.save(tmp_path, fitted(net_of(1)))
    assert stored(tmp_path, net_of(3), CHECKPOINT) is None
    assert "was fitted to epoch 4 of best.ckpt, whose weights have changed since" in caplog.text
    caplog.clear()
    assert stored(tmp_path, net_of(1), CHECKPOINT, "flip") is None
    assert "is of tta=none" in caplog.text
    assert "tta=flip calibrate=true fits one" in caplog.text
    caplog.clear()
    assert stored(tmp_path, net_of(3), Path("epoch_0001.ckpt")) is None
    assert caplog.text == "", "nothing was ever fitted to that checkpoint"


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"format": 1}',
        '{"format": 1, "temperatures": [{"temperature": 2}]}',
        '{"format": 99, "temperatures": []}',
    ],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / NAME).write_text(content)
    assert stored(tmp_path, net_of(1), CHECKPOINT) is None
    assert "not used" in caplog.text
    temperatures.save(tmp_path, fitted(net_of(1)))
    assert stored(tmp_path, net_of(1), CHECKPOINT) is not None


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity", "true", '"2"', "null"])
def test_a_number_that_is_no_temperature_is_told(
    tmp_path: Path, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = temperatures.save(tmp_path, fitted(net_of(1)))
    content = json.loads(path.read_text())
    content["temperatures"][0]["temperature"] = json.loads(value)
    path.write_text(json.dumps(content))
    assert stored(tmp_path, net_of(1), CHECKPOINT) is None
    assert "is damaged" in caplog.text


def test_what_has_none_says_why() -> None:
    labels_N = torch.tensor([0] * 8 + [1] * 2)
    given = {"net": net_of(1), "checkpoint": CHECKPOINT, "epoch": 1, "tta": "none"}
    for scores, count, message in (
        (torch.tensor([[3.0, 0.0]]).repeat(9, 1), 9, r"9 validation images, and .* at least 10"),
        (torch.full((10, 2), torch.nan), 10, r"the 10 validation images: 10 of 10 images get scores that"),
        (torch.tensor([[0.0, 3.0]]).repeat(10, 1), 10, "no more than chance"),
    ):
        with pytest.raises(UserError, match=message):
            fit(scores, split_of(labels_N[:count]), **given)  # type: ignore[arg-type]
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    shape: dict[str, Any] = {"net": net, "image_shape": (1, 4, 4)}
    with pytest.raises(UserError, match="one class, which is always certain"):
        check_calibrates(Classification(num_classes=1, **shape), 1)
    redraws = nn.Sequential(nn.Conv2d(1, 1, 1))
    with pytest.raises(UserError, match="Reconstruction predicts no probabilities"):
        check_calibrates(Reconstruction(net=redraws, image_shape=(1, 4, 4), mean=(0,), std=(1,)), 2)
    check_calibrates(Multilabel(num_classes=1, **shape), 1)


def test_quality_is_that_of_the_calibration_diagram() -> None:
    scores = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)) * 3
    labels_N = torch.arange(50) % 4
    confidence_N, predicted_N = (scores.double() / 2).softmax(dim=1).max(dim=1)
    expected = calibration(confidence_N.numpy(), (predicted_N == labels_N).numpy())
    assert quality(scores, labels_N, 2.0).ece == pytest.approx(expected.ece)


def test_a_tempered_task_gives_the_same_labels_by_other_probabilities() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    task = Multilabel(num_classes=3, net=net, image_shape=(1, 4, 4))
    task.thresholds.copy_(torch.tensor([0.1, 0.5, 0.9]))
    output = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)) * 3
    plain = task.predictions(torch.empty(0), output)
    found = tempered(task.predictions, 2.5)(torch.empty(0), output, None)
    assert torch.equal(found["has"], plain["has"])
    assert torch.allclose(found["scores"], (output / 2.5).sigmoid())
    assert plain["has"].any(dim=0).all()

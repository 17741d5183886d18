"""A run evaluated with tta and a temperature, beside the plain figures, on a small run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.engine.adjusted import Adjusted, adjusted
from pellucid.engine.evaluation import evaluation
from pellucid.engine.loaded_run import LoadedRun, restore
from pellucid.engine.temperature import NAME, load
from pellucid.errors import UserError
from pellucid.metrics.temperature import negative_log_likelihoods
from tests.engine.test_task_choice import ARROWS, SHAPES
from tests.helpers import make_run, once


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(path: Path) -> None:
        make_run(path, "model=dnn", "data=digits", "trainer.max_epochs=2", "optimizer.lr=3e-3")

    return once(tmp_path_factory, "adjusted_run", make)


@pytest.fixture
def trained(folder: Path) -> LoadedRun:
    return restore(folder, accelerator="cpu")


def ask(trained: LoadedRun, *, tta: str = "none", calibrate: bool = False, split: str = "test") -> Adjusted:
    data = trained.data()
    plain = {name: evaluation(trained, data, name) for name in {"val", split}}
    return adjusted(trained, data, split, plain, tta=tta, calibrate=calibrate)


def test_flip_is_a_plain_loop_and_its_gain_is_paired(trained: LoadedRun) -> None:
    found = ask(trained, tta="flip")
    data = trained.data()
    with torch.no_grad():
        shares = torch.cat(
            [
                (trained.net(images).softmax(1) + trained.net(images.flip(-1)).softmax(1)) / 2
                for images, _ in data.loader("test")
            ]
        )
    assert torch.allclose(found.evaluation.predictions.values["probabilities"], shares, atol=1e-6)
    right_N = (shares.argmax(dim=1) == data.splits["test"].labels_N).numpy()
    assert found.uncalibrated.metrics["accuracy"] == pytest.approx(right_N.mean())
    gain = found.gains["accuracy"]
    assert gain == pytest.approx(right_N.mean() - found.plain.metrics["accuracy"])
    assert gain < -0.03, "a mirrored digit is none"
    interval = found.gain_intervals["accuracy"]
    assert interval.ends is not None
    assert interval.ends[0] < gain < interval.ends[1] < 0
    assert (found.suffix, found.text) == ("_flip", ", tta=flip")
    assert not (trained.folder / NAME).exists()


def test_a_temperature_is_fitted_on_validation_and_kept(trained: LoadedRun) -> None:
    found = ask(trained, calibrate=True)
    try:
        assert found.temperature is not None
        assert load(trained.folder) == [found.temperature]
        assert trained.temperature() == found.temperature
        validated = ask(trained, calibrate=True, split="val")
        assert validated.after is not None
        assert validated.before is not None
        assert validated.after.nll <= validated.before.nll
        assert validated.after == found.temperature.after
        predictions = found.evaluation.predictions
        assert torch.equal(predictions.predicted, found.plain.predictions.predicted)
        assert found.after is not None
        assert found.evaluation.metrics["loss"] == pytest.approx(found.after.nll, rel=1e-5)
        assert found.gains == {"loss": 0, "accuracy": 0}
        predictor = trained.predictor(temperature=found.temperature)
        images = trained.data().splits["test"].images(torch.arange(20))
        confidence_N = predictor.predictions(predictor.inputs(images))["confidence"]
        assert torch.allclose(confidence_N, predictions.confidence[:20], atol=1e-6)
    finally:
        (trained.folder / NAME).unlink()


def test_both_together_are_fitted_together(trained: LoadedRun) -> None:
    plain, found = ask(trained, calibrate=True), ask(trained, tta="flip", calibrate=True)
    try:
        assert plain.temperature is not None
        assert found.temperature is not None
        assert found.temperature.temperature != plain.temperature.temperature
        assert found.temperature.tta == "flip"
        assert len(load(trained.folder)) == 2
        assert found.uncalibrated.outputs is not None
        losses_N = negative_log_likelihoods(
            found.uncalibrated.outputs.numpy(),
            trained.data().splits["test"].labels_N.numpy(),
            found.temperature.temperature,
        )
        assert found.evaluation.metrics["loss"] == pytest.approx(losses_N.mean(), rel=1e-5)
        assert found.suffix == "_flip_calibrated"
        predictor = trained.predictor(tta="flip", temperature=found.temperature)
        images = trained.data().splits["test"].images(torch.arange(20))
        confidence_N = predictor.predictions(predictor.inputs(images))["confidence"]
        assert torch.allclose(confidence_N, found.evaluation.predictions.confidence[:20], atol=1e-6)
    finally:
        (trained.folder / NAME).unlink()


@pytest.mark.slow
def test_of_labels_and_of_numbers(tmp_path: Path) -> None:
    labels = make_run(tmp_path / "labels", *SHAPES, "model=dnn", "trainer.max_epochs=2")
    trained = restore(labels, accelerator="cpu", packages=["tests"])
    found = ask(trained, tta="flip", calibrate=True)
    values, before = found.evaluation.predictions.values, found.uncalibrated.predictions.values
    assert torch.equal(values["has"], before["has"]), "which labels an image has stays"
    assert not torch.allclose(values["scores"], before["scores"])
    assert found.evaluation.metrics["f1"] == pytest.approx(found.uncalibrated.metrics["f1"])
    assert found.temperature is not None
    assert found.temperature.after.nll <= found.temperature.before.nll
    numbers = make_run(tmp_path / "numbers", *ARROWS, "model=dnn")
    trained = restore(numbers, accelerator="cpu", packages=["tests"])
    found = ask(trained, tta="flip")
    images_BCHW, _ = next(iter(trained.data().loader("test")))
    with torch.no_grad():
        pair = [
            trained.task.predictions(each, trained.net(each))["numbers"]
            for each in (images_BCHW, images_BCHW.flip(-1))
        ]
    numbers_N = found.evaluation.predictions.values["numbers"][: len(images_BCHW)]
    assert numbers_N.numpy() == pytest.approx(np.mean([each.numpy() for each in pair], axis=0), rel=1e-3)


def test_data_without_validation_take_what_is_kept(trained: LoadedRun) -> None:
    data = trained.data()
    plain = {"test": evaluation(trained, data, "test")}
    kept = ask(trained, calibrate=True)
    try:
        del data.splits["val"]
        found = adjusted(trained, data, "test", plain, tta="none", calibrate=True)
        assert found.temperature == kept.temperature
    finally:
        (trained.folder / NAME).unlink()
    with pytest.raises(UserError, match="has no validation images, on which a temperature is fitted"):
        adjusted(trained, data, "test", plain, tta="none", calibrate=True)

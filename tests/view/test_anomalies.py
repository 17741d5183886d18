"""Which images are reconstructed worst, and whether that tells the anomaly."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pellucid.errors import UserError
from pellucid.view.anomalies import AnomalyScorer
from tests.view.nets import brightness, images


def test_the_worst_are_kept_and_the_error_tells_the_anomaly() -> None:
    predictor = brightness("errors")
    scorer = AnomalyScorer(predictor, 2, ("odd",))
    errors = []
    for pixels in ((127, 0), (255, 102)):
        inputs = predictor.inputs(images(*pixels).pixels_BCHW)
        values = {"mse": (inputs - 0.5).square().flatten()}
        scorer.update(inputs, torch.full_like(inputs, 0.5), values)
        errors.append(values["mse"])
    files = ["127", "0", "255", "102"]
    report = scorer.report(files, ["even", "odd", "odd", "even"], torch.cat(errors).numpy(), seed=0)
    assert report.worst.index == report.ranks[:2] == [1, 2]
    assert report.worst.originals_NHWC.flatten().tolist() == [0, 1]
    assert report.worst.reconstructions_NHWC.flatten().tolist() == [0.5, 0.5]
    assert report.roc is not None
    assert report.roc.area == 1
    with pytest.raises(UserError, match="anomaly=odd: all 1 image are"):
        scorer.report(["0"], ["odd"], np.zeros(1), seed=0)


def test_a_class_that_no_image_is_of_is_told() -> None:
    scorer = AnomalyScorer(brightness("errors"), 0, ("od",))
    with pytest.raises(UserError, match=r"anomaly=od: none .*Did you mean 'odd'\? They are of even, odd\."):
        scorer.check(["even", "odd"])


def test_without_an_anomaly_the_errors_are_ranked_and_equal_ones_keep_their_order() -> None:
    scorer = AnomalyScorer(brightness("errors"), 0, ())
    report = scorer.report(["f"] * 40, ["x"] * 40, np.array([1.0, 2.0] * 20), seed=0)
    assert report.ranks == [*range(1, 40, 2), *range(0, 40, 2)]
    assert report.roc is None
    assert not report.anomalous_N.any()
    assert report.worst.index == []

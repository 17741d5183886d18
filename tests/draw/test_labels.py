"""The table of labels."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb

from pellucid.draw.labels import F1, MAX_LABELS, PRECISION, draw_labels
from pellucid.draw.sheet import Picture
from pellucid.metrics.labels import label_scores


def pixels_of(picture: Picture, colour: str) -> int:
    wanted = np.array(to_rgb(colour)) * 255
    return int((np.abs(picture - wanted.round()).max(axis=2) <= 40).sum())


def drawn(good: bool, labels: int = 3) -> Picture:
    true = np.tile(np.array([[True], [False]] * 4), labels)
    scores = np.where(true == good, 0.9, 0.1)
    names = tuple(f"label {index}" for index in range(labels))
    found = label_scores(scores, scores > 0.5, true, names, np.full(labels, 0.5))
    return draw_labels(found, title="Each label", note="eight images")


def test_bars_are_as_long_as_average_precision() -> None:
    good, bad = drawn(True), drawn(False)
    assert good.shape == bad.shape
    assert pixels_of(good, PRECISION) > 1.4 * pixels_of(bad, PRECISION) > 0
    assert pixels_of(good, F1) > 0


def test_of_many_labels_the_worst_are_shown() -> None:
    assert drawn(True, MAX_LABELS + 9).shape == drawn(True, MAX_LABELS).shape
    none = label_scores(np.zeros((2, 1)), np.zeros((2, 1), bool), np.zeros((2, 1), bool), ("a",))
    assert draw_labels(none, title="no image has it", note="").size

"""A net's boxes and arrows: where they lie on the page."""

from __future__ import annotations

import numpy as np

from pellucid.draw.dataflow import ROWS, Box, draw_dataflow
from pellucid.draw.sheet import DPI


def chain(count: int, **skips: int) -> list[Box]:
    boxes = [Box(f"layer{i}", "Conv2d", "8 × 4 × 4", [i - 1] if i else []) for i in range(count)]
    for target, source in skips.items():
        at = int(target[1:])
        boxes[at] = Box(boxes[at].name, "add", "8 × 4 × 4", [at - 1, source])
    return boxes


def test_a_chain_grows_downwards_and_then_to_the_right() -> None:
    few, more, most = (draw_dataflow(chain(count), title="t") for count in (3, 6, ROWS + 1))
    assert few.shape[1] == more.shape[1] < most.shape[1]
    assert few.shape[0] < more.shape[0]


def test_an_arrow_past_boxes_is_beside_them() -> None:
    without, skipping = (draw_dataflow(boxes, title="t") for boxes in (chain(5), chain(5, b4=0)))
    changed = np.argwhere((without != skipping).any(axis=2))
    assert changed[:, 1].max() > 3.85 * DPI, "right of the boxes"
    beside = skipping[:, round(3.85 * DPI) :]
    assert (beside < 200).any()
    assert not (without[:, round(3.85 * DPI) :] < 200).any()

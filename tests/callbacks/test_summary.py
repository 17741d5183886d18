"""The table of layers before training."""

from __future__ import annotations

import pytest

from pellucid.callbacks import summary
from pellucid.errors import UserError
from pellucid.inside.summary import Layer


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (999, "999"), (1000, "1K"), (36_900, "36.9K"), (1_820_000_000, "1.82G"), (3 * 10**12, "3T")],
)
def test_counts_are_short(count: int, text: str) -> None:
    assert summary._short(count) == text


def test_the_summary_in_markdown() -> None:
    layers = [Layer("a", "Linear", (3,), 1200, 0, 2400), Layer("total", "Net", (3,), 1200, 0, 2400)]
    assert summary._markdown(layers, "Net").splitlines()[-1] == "|total|Net|3|1,200|0|2.4K|"


def test_summary_refuses_depth_zero() -> None:
    with pytest.raises(UserError, match="at least 1"):
        summary.Summary(depth=0, image_shape=(1, 8, 8))


@pytest.mark.parametrize(
    ("total", "said"),
    [
        (Layer("total", "Net", (3,), 1200, 1200, 2400), "1,200 parameters, all trained; 2.4K FLOPs an image"),
        (Layer("total", "Net", (3,), 1200, 20, 0), "1,200 parameters, 20 of them trained"),
        (Layer("total", "Net", (3,), 0, 0, 0), "0 parameters"),
    ],
)
def test_the_size_of_a_net_in_a_line(total: Layer, said: str) -> None:
    assert summary._size(total) == said

"""In which options two configurations differ, by hand."""

from __future__ import annotations

from pellucid.config.difference import NONE, option_differences


def test_options_that_differ_in_the_order_of_the_first() -> None:
    left = {"seed": 0, "model": {"_target_": "a.CNN", "hidden": [8]}, "callbacks": {}, "same": {"x": 1}}
    right = {
        "seed": 1,
        "model": {"_target_": "a.CNN", "hidden": [8, 4]},
        "callbacks": {"stop": {"_target_": "b.EarlyStopping", "patience": 3}},
        "same": {"x": 1},
        "scheduler": {"gamma": 0.5, "_partial_": True},
    }
    assert list(option_differences(left, right)) == [
        ("seed", "0", "1"),
        ("model.hidden", "[8]", "[8, 4]"),
        ("callbacks.stop", NONE, "EarlyStopping"),
        ("scheduler", NONE, "gamma=0.5"),
    ]
    assert ("callbacks.stop", "EarlyStopping", NONE) in option_differences(right, left)
    assert list(option_differences(right, right)) == []

"""Nets that take images of one size alone are told before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.engine.build import assemble
from pellucid.engine.train_size import check_train_size
from pellucid.errors import UserError
from tests.helpers import compose


def check(model: str, *overrides: str, epochs: int | None = 3) -> Any:
    config = compose(
        *[f"model={model}", "data=digits", "data.image_size=48", "data.train_size=[34,48]", *overrides]
    )
    data, task = assemble(config)
    check_train_size(data, task, epochs)
    return data


@pytest.mark.parametrize("model", ["dnn", "cnn", "autoencoder"])
def test_nets_of_one_size_are_refused_in_a_line(model: str) -> None:
    with pytest.raises(UserError, match=r"^data\.train_size=\[34,48\]: .* 34 × 34.*Leave it out") as caught:
        check(model)
    assert "\n" not in str(caught.value)


def test_nets_of_any_size_are_taken() -> None:
    assert check("xai").train_size.first == 34


@pytest.mark.parametrize("epochs", [None, -1, 0])
def test_without_a_last_epoch_nothing_grows(epochs: int | None) -> None:
    with pytest.raises(UserError, match=r"expected trainer\.max_epochs"):
        check("xai", epochs=epochs)


def test_sizes_beyond_the_images_are_told() -> None:
    with pytest.raises(UserError, match="expected 1 to 48 pixels"):
        check("xai", "data.train_size=[34,64]")

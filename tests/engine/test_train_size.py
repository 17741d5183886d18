"""Nets that take images of one size alone are told before anything is trained."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, Trainer

from pellucid.engine import training
from pellucid.engine.build import assemble
from pellucid.engine.train_size import check_train_size
from pellucid.engine.trainer import make_trainer
from pellucid.errors import UserError
from tests.engine.runs import run
from tests.helpers import compose, metrics, same, weights


def check(model: str, *overrides: str, epochs: int | None = 3) -> Any:
    config = compose(
        *[f"model={model}", "data=digits", "data.image_size=48", "data.train_size=[34,48]", *overrides]
    )
    data, task = assemble(config)
    check_train_size(data, task, epochs)
    return data


@pytest.mark.parametrize("model", ["dnn", "cnn", "autoencoder"])
@pytest.mark.parametrize("epochs", [1, 3])
def test_nets_of_one_size_are_refused_in_a_line(model: str, epochs: int) -> None:
    with pytest.raises(UserError, match=r"^data\.train_size=\[34,48\]: .* 34 × 34.*Leave it out") as caught:
        check(model, epochs=epochs)
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


class _Stop(Callback):
    """Ends a training in its second epoch as a kill would, one batch in."""

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.current_epoch == 1:
            raise RuntimeError


@pytest.mark.slow
def test_a_run_of_whole_photos_and_growing_images_resumes_bitwise(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = [
        *("model=xai", "data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}"),
        *("data.image_size=42", "data.train_size=[34,42]", "data.batch_size=8", "trainer.max_epochs=3"),
        *("+trainer.limit_train_batches=2", "+trainer.limit_val_batches=1", "+trainer.limit_test_batches=1"),
    ]
    run(tmp_path / "whole", *line)
    with monkeypatch.context() as patched:

        def stopping(*args: Any, **given: Any) -> Any:
            trainer: Any = make_trainer(*args, **given)
            trainer.callbacks.insert(0, _Stop())
            return trainer

        patched.setattr(training, "make_trainer", stopping)
        with suppress(RuntimeError):
            run(tmp_path / "cut", *line)
    assert metrics(tmp_path / "cut")["epochs"] == 1
    run(tmp_path / "cut", *line, resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))

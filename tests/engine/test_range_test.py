"""The range test: on a copy, the same each time, and a run whose learning rate it finds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pellucid.engine.range_test import range_test
from pellucid.errors import UserError
from pellucid.run.folder import Run
from tests.engine.runs import run
from tests.helpers import compose, make_run, metrics, same, weights

SMALL = ["model=dnn", "data.batch_size=128"]


def test_the_same_each_time_and_nothing_is_changed() -> None:
    config, state = compose(*SMALL), torch.get_rng_state()
    first = range_test(config)
    assert torch.equal(torch.get_rng_state(), state)
    again = range_test(config)
    assert first.lr_S.tolist() == again.lr_S.tolist()
    assert first.loss_S.tolist() == again.loss_S.tolist()
    assert first.chosen == again.chosen
    assert config == compose(*SMALL)
    assert 1e-4 < first.chosen < 1e-1
    assert range_test({**config, "seed": 1}).loss_S[0] != first.loss_S[0]


def test_a_run_finds_its_rate_and_is_the_run_of_that_rate(tmp_path: Path) -> None:
    make_run(tmp_path / "set", *SMALL)
    line = [*SMALL, "trainer.max_epochs=2"]
    found = run(tmp_path / "found", *line, "optimizer.lr=auto")
    rate = found["lr/found"]
    assert (found["lr/rule"], found["lr/steps"]) == ("valley", pytest.approx(90, abs=40))
    checkpoint = torch.load(tmp_path / "found" / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["pellucid"]["config"]["optimizer"]["lr"] == rate
    assert Run(tmp_path / "found").config()["optimizer"]["lr"] == rate
    figures = tmp_path / "found" / "figures" / "learning_rate"
    assert {path.name for path in figures.iterdir()} == {"learning_rate.png", "learning_rate.csv"}
    run(tmp_path / "typed", *line, f"optimizer.lr={rate}")
    assert same(weights(tmp_path / "found"), weights(tmp_path / "typed"))
    assert "lr/found" not in metrics(tmp_path / "typed")


def test_groups_keep_their_scales_and_accumulated_steps_count_once() -> None:
    line = [*SMALL, "trainer.accumulate_grad_batches=2", "+optimizer.groups.backbone=0.1"]
    found = range_test(compose(*line), low=1e-5, high=0.1, steps=20)
    assert len(found.lr_S) <= 20
    assert found.lr_S[0] == pytest.approx(1e-5)


class Flat(torch.nn.Module):
    """A net whose loss is the same whatever its parameters."""

    def __init__(self, *, num_classes: int, factor: float = 0.0) -> None:
        super().__init__()
        self.scale, self.factor, self.num_classes = torch.nn.Parameter(torch.ones(1)), factor, num_classes

    def forward(self, images_BCHW: torch.Tensor) -> torch.Tensor:
        zeros = images_BCHW.new_zeros(len(images_BCHW), self.num_classes)
        return zeros + self.scale * self.factor * images_BCHW.mean()


class Diverging(Flat):
    """A net whose loss is no number once it has been trained a step."""

    def forward(self, images_BCHW: torch.Tensor) -> torch.Tensor:
        first = torch.zeros(self.num_classes)
        first[0] = 1
        grown = torch.where(self.scale == 1, self.scale, self.scale * torch.inf)
        return images_BCHW.mean((1, 2, 3))[:, None] * 0 + grown * first


@pytest.mark.parametrize(
    ("net", "said"),
    [("Flat", "the loss never falls below 2.303"), ("Diverging", "is no finite number any more")],
)
def test_nets_of_which_nothing_is_found(net: str, said: str, tmp_path: Path) -> None:
    own = ["model=own", "packages=[tests]", f"model._target_={__name__}.{net}", "data.batch_size=128"]
    with pytest.raises(UserError, match=said):
        run(tmp_path / "run", *own, "optimizer.lr=auto")
    assert not (tmp_path / "run").exists(), "it has not trained, and leaves nothing"


@pytest.mark.parametrize(
    ("options", "said"),
    [({"low": 1.0, "high": 0.1}, "0 < low < high"), ({"steps": 5}, "expected at least 20")],
)
def test_what_is_refused(options: dict[str, float], said: str) -> None:
    with pytest.raises(UserError, match=said):
        range_test(compose(*SMALL), **options)  # type: ignore[arg-type]

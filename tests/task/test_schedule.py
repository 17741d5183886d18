"""When schedulers are stepped, and for how many steps they are made."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, MultiStepLR, ReduceLROnPlateau, StepLR

from pellucid.engine.recorder import Recorder
from pellucid.errors import UserError
from pellucid.scheduler.warmup_cosine import WarmupCosine
from pellucid.task.schedule import Length, Schedule
from tests.engine.runs import rows, run
from tests.scheduler.rates import optimizer, rates
from tests.task.nets import Fixed, classification


def trainer(total: float, batches: float, accumulated: int = 1) -> Any:
    return SimpleNamespace(
        estimated_stepping_batches=total,
        num_training_batches=batches,
        accumulate_grad_batches=accumulated,
        limit_train_batches=1.0,
        fit_loop=SimpleNamespace(setup_data=lambda: None),
    )


def test_steps_of_a_training() -> None:
    assert Length.of(trainer(40, 10)) == (40, 10)
    assert Length.of(trainer(16, 10, 3)) == (16, 4)
    assert Length.of(trainer(0, 10)) == (1, 10), "nothing is trained"
    for total, batches in ((float("inf"), 10), (-1, 10), (5, float("inf"))):
        with pytest.raises(UserError, match=r"Set trainer\.max_epochs, or \+trainer\.max_steps"):
            Length.of(trainer(total, batches))


def test_when_a_scheduler_is_stepped() -> None:
    assert Schedule.wrap(partial(StepLR, step_size=2)).interval == "epoch"
    assert Schedule.wrap(WarmupCosine).interval == "step"
    by_step = Schedule.wrap(partial(StepLR, step_size=2), "step")
    assert Schedule.wrap(by_step) is by_step
    assert by_step.interval == "step"
    with pytest.raises(UserError, match="WarmupCosine is a function of the step"):
        Schedule.wrap(WarmupCosine, "epoch")
    with pytest.raises(UserError, match=r"the plateau is of val/loss"):
        Schedule.wrap(ReduceLROnPlateau, "step")


@pytest.mark.parametrize(
    ("make", "at", "expected"),
    [
        (partial(CosineAnnealingLR, T_max=4), 10, 0.5),  # half of four epochs of five steps
        (partial(StepLR, step_size=2, gamma=0.1), 10, 0.1),
        (partial(MultiStepLR, milestones=[1, 3], gamma=0.1), 15, 0.01),
        (partial(ExponentialLR, gamma=0.5), 10, 0.25),
    ],
)
def test_lengths_of_torchs_schedulers_stay_in_epochs(make: Any, at: int, expected: float) -> None:
    schedule = Schedule.wrap(make, "step").make(optimizer(), lambda: Length(20, 5))
    assert rates(schedule, at + 1)[-1] == pytest.approx(expected)


def test_a_default_length_is_in_epochs_too() -> None:
    from torch.optim.lr_scheduler import LinearLR

    schedule = Schedule.wrap(partial(LinearLR, start_factor=0.5), "step").make(
        optimizer(), lambda: Length(50, 4)
    )
    assert schedule.total_iters == 5 * 4


def test_a_schedule_by_step_is_tried_before_the_training() -> None:
    task = classification(Fixed([1.0, 0.0]))
    task.make_scheduler = Schedule.wrap(partial(WarmupCosine, warmup_epochs=2))
    task.check_schedule(3)
    with pytest.raises(UserError, match=r"scheduler\.warmup_epochs=2: a warm-up of 8 steps"):
        task.check_schedule(2)


@pytest.mark.parametrize(
    ("options", "steps", "last"),
    [
        ([], 20, 0.05),
        (["trainer.accumulate_grad_batches=3"], 8, 0.125),
        (["+trainer.limit_train_batches=4"], 8, 0.125),
        (["+trainer.max_steps=15"], 15, 1 / 15),
    ],
)
def test_the_training_says_how_many_steps_there_are(
    options: list[str], steps: int, last: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two epochs of ten batches; the rate of the last step of a line down to nothing is one step's share."""
    seen = []
    before = Recorder.on_train_batch_start

    def note(self: Recorder, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        seen.append((trainer.global_step, trainer.optimizers[0].param_groups[0]["lr"]))
        before(self, trainer, pl_module, batch, batch_idx)

    monkeypatch.setattr(Recorder, "on_train_batch_start", note)
    line = ["model=dnn", "scheduler=linear", "scheduler.warmup=0", "optimizer.lr=1e-3", "data.batch_size=128"]
    run(tmp_path, *line, "trainer.max_epochs=2", *options)
    found = dict(seen)
    assert len(found) == steps
    assert found[0] == pytest.approx(1e-3)
    assert found[steps - 1] == pytest.approx(last * 1e-3)


def test_the_rate_of_steps_goes_to_the_loggers(tmp_path: Path) -> None:
    line = ["model=dnn", "recipe=plain", "logger=csv", "trainer.max_epochs=1", "trainer.log_every_n_steps=10"]
    for name, options in (("by step", ["scheduler=linear"]), ("plain", [])):
        run(tmp_path / name, *line, *options)
        logged = rows(next((tmp_path / name).glob("csv/**/metrics.csv")))
        values = [float(row["step/lr"]) for row in logged if row.get("step/lr")]
        assert len(values) == (4 if options else 0)
        assert values == sorted(values, reverse=True)

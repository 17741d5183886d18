"""A resumed run equals one that was never interrupted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pellucid.engine.resume import data_changes, load_last
from pellucid.errors import UserError
from pellucid.run.folder import Run
from tests.data.tables import write_photo_table
from tests.engine.runs import rows, run
from tests.helpers import metrics, same, weights


@pytest.mark.parametrize(
    "extra",
    [
        *("scheduler=none", "scheduler=plateau"),
        *(pytest.param(extra, marks=pytest.mark.slow) for extra in ("scheduler=cosine", "optimizer=sgd")),
        "data.sampling=balanced task.class_weights=balanced task.focal=1.0",
        "data.augment=[crop,flip,rotate,color,grey,blur,trivial,rand,erase] data.repeats=2 task.mix=both",
    ],
)
def test_resumed_equals_uninterrupted(tmp_path: Path, extra: str) -> None:
    options = ["model=cnn", "data.augment=shift", *extra.split(), "trainer.accumulate_grad_batches=2"]
    if "plateau" in extra:
        options += ["scheduler.patience=0", "optimizer.lr=0.02"]
    if "cosine" in extra:
        options += ["scheduler.T_max=4"]
    run(tmp_path / "whole", *options, "trainer.max_epochs=4")
    run(tmp_path / "parts", *options, "trainer.max_epochs=2")
    run(tmp_path / "parts", *options, "trainer.max_epochs=4", resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    whole, parts = (
        [{k: v for k, v in row.items() if k != "seconds/train"} for row in rows(path)]
        for path in (tmp_path / "whole" / "metrics.csv", tmp_path / "parts" / "metrics.csv")
    )
    assert whole == parts
    assert metrics(tmp_path / "whole")["best/epoch"] == metrics(tmp_path / "parts")["best/epoch"]


def test_a_run_killed_before_its_first_checkpoint_starts_again(tmp_path: Path) -> None:
    run(tmp_path / "whole", "model=dnn")
    (tmp_path / "killed").mkdir()
    run(tmp_path / "killed", "model=dnn", resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))


def test_the_first_fingerprint_stays_and_what_has_changed_stands_beside_it() -> None:
    data: Any = SimpleNamespace(divided=SimpleNamespace(changes=SimpleNamespace(summary=lambda: "2 gone")))
    assert data_changes(data, {}, "b") == {}
    assert data_changes(data, {"data/fingerprint": "b"}, "b") == {}
    assert data_changes(data, {"data/fingerprint": "a"}, "b") == {
        "data/fingerprint": "a",
        "data/fingerprint/resumed": "b",
        "data/changes": "2 gone",
    }


def test_a_checkpoint_that_cannot_be_read_tells_of_the_best(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.checkpoints.mkdir()
    run.last.write_bytes(b"junk")
    with pytest.raises(UserError, match=rf"copy {run.best} over it"):
        load_last(run)


def test_a_line_without_a_task_goes_on_with_that_of_the_images(tmp_path: Path) -> None:
    table = write_photo_table(tmp_path, more=",height", cells=",{n}.5")
    line = ["data=table", f"data.path={table}", "data.label=height", "data.image_size=16", "model.hidden=[8]"]
    folder = tmp_path / "run"
    run(folder, *line)
    run(folder, *line, "trainer.max_epochs=2", resume=True)  # as a sweep goes on with a trial
    assert [bool(row["val/mae"]) for row in rows(folder / "metrics.csv")] == [True, True]
    run(tmp_path / "whole", *line, "trainer.max_epochs=2")
    assert same(weights(folder), weights(tmp_path / "whole"))

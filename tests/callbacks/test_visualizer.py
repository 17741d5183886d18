"""When a view draws, what it costs, and what happens where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer
from pellucid.commands.train import train
from pellucid.draw.sheet import Sheet
from pellucid.errors import UserError
from tests.callbacks.drawn import events, failures, looked, pictures
from tests.helpers import compose, metrics


def test_the_account_is_right(classifier: Path) -> None:
    result = metrics(classifier)
    seconds = {k: v for k, v in result.items() if k.startswith("look/seconds/")}
    total = seconds.pop("look/seconds/total")
    assert total == pytest.approx(sum(seconds.values()), abs=0.02)
    assert total < result["seconds/fit"]
    folder = classifier / "figures" / "confusion"
    size = sum(path.stat().st_size for path in folder.glob("*.png"))
    assert result["look/bytes/confusion"] == pytest.approx(2 * size, rel=0.05), "as a file and in TensorBoard"
    assert result["look/bytes/curves"] == (classifier / "figures" / "curves.png").stat().st_size
    parts = [value for key, value in result.items() if key.startswith("look/bytes/")]
    assert result["look/bytes/total"] == sum(parts) / 2
    everything = sum(
        path.stat().st_size
        for name in ("figures", "tensorboard")
        for path in (classifier / name).rglob("*.*")
    )
    assert result["look/bytes/total"] == pytest.approx(everything, rel=0.05)


def test_a_view_is_switched_and_tuned_by_name(tmp_path: Path) -> None:
    chosen = compose("model=cnn", "callbacks=[feature_maps]", "callbacks.feature_maps.layers=[features.6]")
    chosen["callbacks"]["feature_maps"] |= {"images": 1, "maps": 4, "every_n_epochs": 2}
    chosen["trainer"]["max_epochs"] = 5
    result = train(chosen, tmp_path)
    assert looked(result) == {"feature_maps", "total"}
    assert pictures(tmp_path) == {f"feature_maps/features.6/epoch_000{epoch}.png" for epoch in (1, 2, 4, 5)}


def test_the_last_epoch_is_seen_where_a_callback_ends_the_run(tmp_path: Path) -> None:
    config = compose("model=dnn", "callbacks=[confusion,early_stopping]", "trainer.max_epochs=50")
    config["callbacks"]["early_stopping"] |= {"patience": 1, "monitor": "train/loss", "mode": "max"}
    result = train(config, tmp_path)
    assert 1 < result["epochs"] < 5
    last = result["epochs"]
    assert pictures(tmp_path) == {"confusion/epoch_0001.png", f"confusion/epoch_{last:04d}.png"}


WRONG = [  # of the constructor, of the net; the others' in the files of their views
    ("feature_maps.layers=[features.99]", r"callbacks.feature_maps: CNN has no layer named 'features.99'"),
    ("feature_maps.layers=null", r"callbacks.feature_maps: layers=None: expected auto or a list"),
    ("confusion.every_n_epochs=0", r"callbacks.confusion.every_n_epochs=0"),
]


@pytest.mark.parametrize(("option", "said"), WRONG)
def test_a_wrong_option_is_told_before_training(tmp_path: Path, option: str, said: str) -> None:
    view = option.partition(".")[0]
    config = compose("model=cnn", f"callbacks={view}", f"callbacks.{option}")
    with pytest.raises(UserError, match=said):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_view_that_cannot_be_drawn_is_told_once_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Sheet) -> np.ndarray:
        raise RuntimeError("no ink")

    monkeypatch.setattr(Sheet, "picture", broken)
    config = compose("model=dnn", "callbacks=[predictions,curves]", "trainer.max_epochs=3")
    result = train(config, tmp_path)
    assert result["status"] == "finished"
    assert failures(result) == {"look/failed/predictions": 3, "look/failed/curves": 3}
    log = (tmp_path / "train.log").read_text()
    assert log.count("The view predictions could not be drawn (RuntimeError: no ink)") == 1
    assert log.count("The view curves could not be drawn") == 1
    assert "Traceback" in log


def test_an_epoch_without_validation_shows_no_old_figures(tmp_path: Path) -> None:
    config = compose("model=dnn", "callbacks=[confusion,progress]", "callbacks.confusion.every_n_epochs=1")
    config["trainer"] |= {"max_epochs": 3, "check_val_every_n_epoch": 2}
    train(config, tmp_path)
    assert pictures(tmp_path) == {"confusion/epoch_0002.png"}
    lines = [line for line in (tmp_path / "train.log").read_text().splitlines() if "INFO epoch" in line]
    assert ["val/" in line for line in lines] == [False, True, False]


@pytest.mark.slow
def test_a_budget_that_cuts_an_epoch_draws_nothing_of_it(tmp_path: Path) -> None:
    line = ["model=dnn", "callbacks=[predictions,film_strip,progress]", "logger=tensorboard"]
    line += ["trainer.max_epochs=10"]
    assert not failures(train(compose(*line, "+trainer.max_steps=7"), tmp_path / "none"))
    assert pictures(tmp_path / "none") == set()
    folder = tmp_path / "run"
    for steps in (50, 60, 90):
        result = train(compose(*line, f"+trainer.max_steps={steps}"), folder, resume=steps > 50)
        assert not failures(result)
    assert [event.step for event in events(folder).Images("predictions")] == [40, 80]
    rows = (folder / "metrics.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "1", "2"]
    assert "film_strip/probe_0.png" in pictures(folder)


class Raises(Visualizer):
    """Cannot even say whether it applies."""

    name = "raises"

    def reason(self, snapshot: Snapshot) -> str | None:
        raise ValueError("what net is this?")

    def draw(self, snapshot: Snapshot) -> None:
        raise AssertionError("never looks")


def test_a_view_that_fails_before_training_is_left_out(tmp_path: Path) -> None:
    config = compose("model=dnn", "packages=[tests]")
    node = {"_target_": "tests.callbacks.test_visualizer.Raises", "every_n_epochs": 1}
    config["callbacks"] = {"raises": node}
    result = train(config, tmp_path)
    assert failures(result) == {"look/failed/raises": 1}
    assert "what net is this?" in (tmp_path / "train.log").read_text()


def test_metrics_json_is_plain(classifier: Path) -> None:
    values = json.loads((classifier / "metrics.json").read_text())
    assert all(isinstance(value, int | float) for key, value in values.items() if key.startswith("look/"))

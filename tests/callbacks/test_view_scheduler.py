"""When views look, what it costs, within which time, and what happens where they cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.callbacks.share import TimeShare, cost_of
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.view_scheduler import ViewScheduler
from pellucid.callbacks.visualizer import Visualizer
from pellucid.commands.train import train
from pellucid.draw.sheet import Sheet
from pellucid.errors import UserError
from tests.callbacks.drawn import events, failures, looked, pictures
from tests.callbacks.scene import classifier as classifier_scene
from tests.helpers import compose, metrics, same, weights


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
    node = {"_target_": "tests.callbacks.test_view_scheduler.Raises", "every_n_epochs": 1}
    config["callbacks"] = {"raises": node}
    result = train(config, tmp_path)
    assert failures(result) == {"look/failed/raises": 1}
    assert "what net is this?" in (tmp_path / "train.log").read_text()


def test_metrics_json_is_plain(classifier: Path) -> None:
    values = json.loads((classifier / "metrics.json").read_text())
    assert all(isinstance(value, int | float) for key, value in values.items() if key.startswith("look/"))


class Clock:
    """Ten seconds a look of a dear view, one of a cheap one, and what the test adds for training."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Cheap(Visualizer):
    name, cheap, seconds = "cheap", True, 1.0

    def __init__(self, clock: Clock, **options: Any) -> None:
        super().__init__(**options)
        self.clock, self.looks = clock, list[tuple[int, float]]()

    def draw(self, snapshot: Snapshot) -> None:
        self.clock.now += cost_of(self.seconds, snapshot.effort)
        self.looks.append((snapshot.epoch, snapshot.effort))

    def estimate(self, snapshot: Snapshot) -> float:
        return self.seconds


class Dear(Cheap):
    name, cheap, seconds = "dear", False, 10.3


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("pellucid.callbacks.view_scheduler.time.perf_counter", clock)
    return clock


def budgeted(folder: Path, clock: Clock, share: float | None, *, epoch: float, epochs: int = 10) -> list[Any]:
    """What a cheap and a dear view have drawn in a training of epochs of so many seconds, and the account."""
    scene = classifier_scene(folder)
    scene.trainer.max_epochs = epochs
    scene.figures.share = TimeShare(share, clock)
    views = [kind(clock, every_n_epochs=1, figures=scene.figures) for kind in (Dear, Cheap)]
    scheduler = ViewScheduler(views, scene.figures)
    scheduler.prepare(scene.moment(0))
    scheduler.begin(scene.moment(0))
    for number in range(1, epochs + 1):
        clock.now += epoch
        scene.trainer.global_step = number
        scheduler.look(scene.moment(number))
    return [*(view.looks for view in views), scene.figures.account()]


def test_without_a_limit_every_view_looks_whenever_it_is_due(tmp_path: Path, clock: Clock) -> None:
    dear, cheap, account = budgeted(tmp_path, clock, None, epoch=1)
    assert dear == cheap == [(epoch, 1.0) for epoch in range(1, 11)]
    assert not [key for key in account if "left_out" in key]


def test_a_short_training_shows_cheap_views_twice_and_a_dear_one_where_it_is_over(
    tmp_path: Path, clock: Clock
) -> None:
    dear, cheap, account = budgeted(tmp_path, clock, 0.1, epoch=1)
    assert [epoch for epoch, _ in cheap] == [1, 10]
    assert dear == [], "0.61 s with the fewest images, and half a second is what is given"
    assert account["look/left_out/dear"] == 10
    assert account["look/left_out/cheap"] == 8


def test_a_dear_view_waits_and_is_drawn_with_as_many_images_as_fit(tmp_path: Path, clock: Clock) -> None:
    dear, cheap, account = budgeted(tmp_path, clock, 0.1, epoch=10)
    assert [epoch for epoch, _ in cheap][:1] == [1]
    assert 0 < len(dear) < 10
    assert {effort for _, effort in dear} == {0.1}, "the same in all epochs: 1.3 s, a sixth of 10 s is 1.7"
    trained, spent = account["look/trained"], account["look/seconds/total"]
    assert trained == pytest.approx(100)
    assert spent <= 0.1 * trained + 1e-6
    assert account["look/shortened/dear"] == len(dear)


def test_a_long_training_draws_everything(tmp_path: Path, clock: Clock) -> None:
    dear, cheap, account = budgeted(tmp_path, clock, 0.1, epoch=200)
    assert [epoch for epoch, _ in cheap] == list(range(1, 11))
    assert dear == [(epoch, 1.0) for epoch in range(1, 11)]
    assert not [key for key in account if "left_out" in key or "shortened" in key]


def test_first_looks_come_before_repeated_ones(tmp_path: Path, clock: Clock) -> None:
    """At the end of a training, of two dear views that one has looked before waits for the other."""
    scene = classifier_scene(tmp_path)
    scene.trainer.max_epochs = 2
    scene.figures.share = TimeShare(0.1, clock)
    seen, new = (Dear(clock, every_n_epochs=1, figures=scene.figures) for _ in range(2))
    scheduler = ViewScheduler([seen, new], scene.figures)
    scheduler.prepare(scene.moment(0))
    scheduler.begin(scene.moment(0))
    new.every_n_epochs = None  # not yet
    clock.now += 110
    scheduler.look(scene.moment(1))
    assert seen.looks
    new.every_n_epochs = 1
    scene.trainer.global_step += 1
    clock.now += 35
    scheduler.look(scene.moment(2))
    assert new.looks == [(2, 1.0)], "11.7 s are left, of which it takes 10.3"
    assert len(seen.looks) == 1


@pytest.mark.parametrize("share", ["0", "0.1"])
def test_weights_are_the_same_whatever_time_pictures_have(
    tmp_path: Path, classifier: Path, share: str
) -> None:
    options = ("model=cnn", "callbacks=default", "logger=csv", "trainer.max_epochs=2", f"share={share}")
    result = train(compose(*options), tmp_path)
    assert same(weights(tmp_path), weights(classifier))
    assert not failures(result)
    assert pictures(tmp_path) <= pictures(classifier)
    left_out = {key for key, count in result.items() if key.startswith("look/left_out/") and count}
    assert "look/left_out/embeddings" in left_out
    assert (tmp_path / "train.log").read_text().count("All: share=null") == 1

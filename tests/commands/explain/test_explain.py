"""The command explain: which class and how many images, and what it refuses."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from pellucid.config.command import Command
from pellucid.config.command_line import quote_path
from pellucid.engine import temperature as temperatures
from pellucid.engine.loaded_run import restore
from pellucid.errors import UserError
from tests.commands.explain.runs import run_explain
from tests.commands.runs import temperature_of
from tests.helpers import CONF, compose


@pytest.mark.slow
def test_the_class_that_is_explained(trained: Path, photos: Path, tmp_path: Path) -> None:
    options = compose("explainer=saliency")["explainer"]
    given = {"explainer": options, "out": str(tmp_path)}
    true = run_explain(trained, photos / "test", target="true", **given)
    assert all(row["class"] == Path(row["file"]).parent.name for row in true)
    assert {row["class"] for row in run_explain(trained, photos / "test", target="cat", **given)} == {"cat"}
    with pytest.raises(UserError, match=r"target=dogg: expected predicted, true or a class.*'dog'"):
        run_explain(trained, photos / "test", target="dogg", **given)


def test_mistakes_are_told_and_nothing_is_written(trained: Path, photos: Path, tmp_path: Path) -> None:
    for number in range(17):  # the last one, of no class, is in the second batch
        folder = tmp_path / "photos" / ("cat" if number < 16 else "of none")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9)).save(folder / f"{number}.png")
    given = {"explainer": compose("explainer=saliency")["explainer"], "out": str(tmp_path / "out")}
    with pytest.raises(UserError, match=r"target=true: the class of .*16\.png is not known"):
        run_explain(trained, tmp_path / "photos", target="true", **given)
    with pytest.raises(UserError, match=r"layers: head gives \(1, 2\)\. Expected maps"):
        run_explain(trained, tmp_path / "photos", layers=["head"], **given)
    with pytest.raises(UserError, match=r"CNN has no layer named '7'"):
        run_explain(trained, tmp_path / "photos", layers=[7], **given)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").touch()
    with pytest.raises(UserError, match=r"out cannot be made.*out=<folder>"):
        run_explain(trained, tmp_path / "photos", **given)


def test_probabilities_are_at_the_temperature_that_is_kept(
    trained: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    given = {
        "explainer": compose("explainer=saliency")["explainer"],
        "out": str(tmp_path / "out"),
        "trust": 0,
    }

    def confidences(**options: bool) -> list[float]:
        run_explain(run, photos / "test" / "cat", **given, **options)
        return [float(text) for text in re.findall(r"predicted \w+ \(([\d.]+)\)", capsys.readouterr().out)]

    before = confidences()
    found = replace(temperature_of(run, "none"), temperature=50.0)
    temperatures.save(run, found)
    predictor = restore(run, accelerator="cpu").predictor(temperature=found)
    images = restore(run, accelerator="cpu").data().splits["test"]
    cats = images.images(torch.tensor([n for n, file in enumerate(images.files) if "cat" in file]))
    expected = predictor.predictions(predictor.inputs(cats))["confidence"]
    after = confidences()
    assert sorted(after) == pytest.approx(sorted(expected.tolist()), abs=0.006)
    assert max(after) < 0.7 < max(before)
    assert confidences(calibrate=False) == before


def test_a_class_is_taken_to_the_letter() -> None:
    assert quote_path("target=true", Command(CONF, "explain")) == "target='true'"
    assert quote_path("target=3", Command(CONF, "explain")) == "target='3'"
    assert quote_path("anomaly=true", Command(CONF, "embed")) == "anomaly='true'"
    assert quote_path("anomaly=[a,true]", Command(CONF, "embed")) == "anomaly=['a','true']"


@pytest.mark.slow
def test_trust_is_measured_on_some_images(
    trained: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evenly spread; of the rest there are maps all the same."""
    given = {"explainer": compose("explainer=saliency")["explainer"], "out": str(tmp_path)}
    files = sorted((photos / "test").rglob("*.jpg"))

    def measured(trust: str | int) -> list[int]:
        rows = run_explain(trained, photos / "test", trust=trust, **given)
        assert [row["file"] for row in rows] == [str(file) for file in files]
        return [place for place, row in enumerate(rows) if "deletion" in row]

    assert measured(2) == [0, 15]
    assert measured(0) == []
    assert measured("all") == measured("auto") == list(range(16)), "of a small net"
    monkeypatch.setattr("pellucid.view.explanations.MAX_OPERATIONS", 0)
    assert measured("auto") == [0, 8, 15], "of a large net three"
    assert len(list(tmp_path.glob("*.npz"))) == 16
    for trust in ("some", -1, 2.5, True):
        with pytest.raises(UserError, match=f"trust={trust}: expected auto, all or a number"):
            run_explain(trained, photos, trust=trust, **given)


def test_it_tells_what_is_predicted_and_what_to_open(
    trained: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"explainer": compose("explainer=saliency")["explainer"], "out": str(tmp_path), "trust": 0}
    files = sorted((photos / "test").rglob("*.jpg"))
    run_explain(trained, photos / "test", target="cat", **given)
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("predicted ")]
    assert len(told) == min(len(files), 20)
    for line in told:
        said, _, picture = line.rpartition("  ")
        assert re.fullmatch(r"predicted (cat|dog) \([01]\.\d\d\)(; explained: cat \([01]\.\d\d\))? *", said)
        assert Path(picture).is_file()

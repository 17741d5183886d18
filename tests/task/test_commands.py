"""Several labels and numbers go through every command, the task chosen by the data."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.run.folder import Run
from tests.drawn import Arrows, Shapes
from tests.helpers import command


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "drawn"), [("multilabel", Shapes), ("regression", Arrows)])
def test_every_command(tmp_path: Path, kind: str, drawn: type[Shapes | Arrows]) -> None:
    several = ["+data.several=true"] if drawn is Arrows else []
    data = drawn(count=160, **({"several": True} if several else {}))
    data.setup()
    names, split = data.spec.classes, data.splits["test"]
    (tmp_path / "images").mkdir()
    for index in range(3):
        pixels = split.images()[index, 0].numpy()
        Image.fromarray(pixels).save(tmp_path / "images" / f"{index}.png")

    def done(script: str, *argv: str, code: int = 0) -> str:
        said = command(*argv, "packages=[tests]", script=script, cwd=tmp_path)
        assert said.returncode == code, said.stderr
        return said.stderr if code else said.stdout

    def rows(path: str) -> list[dict[str, str]]:
        with (tmp_path / path).open() as file:
            return list(csv.DictReader(file))

    def begin(folder: str, *options: str, code: int = 0) -> str:
        target = f"data._target_=tests.drawn.{drawn.__name__}"
        net = ("model.channels=[4]", "model.hidden=[16]", "trainer=cpu")
        out = f"hydra.run.dir={tmp_path / folder}"
        return done("train.py", target, "+data.count=160", *several, *net, out, *options, code=code)

    assert f"task={kind}" in begin("run", "trainer.max_epochs=2")
    run = Run(tmp_path / "run")
    assert run.choices()["task"] == kind
    assert run.config()["task"]["_target_"].rpartition(".")[2].lower() == kind
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert 'id="outputs"' in page
    assert 'id="mistakes"' not in page
    figures = "labels" if kind == "multilabel" else "numbers"
    assert (tmp_path / "run" / "figures" / figures / "epoch_0002.png").exists()
    done("train.py", f"resume={tmp_path / 'run'}", "trainer.max_epochs=3", f"task={kind}")

    done("scripts/evaluate.py", "run=run")
    folder = tmp_path / "run" / "evaluation" / "best_test"
    evaluated = json.loads((folder / "metrics.json").read_text())
    for name, ends in evaluated["intervals"].items():
        if ends is None:  # a busy machine
            assert "would take" in evaluated["interval_methods"][name]
        else:
            assert ends[0] < evaluated["metrics"][name] < ends[1], name
    assert evaluated["metrics"] == pytest.approx(
        {name.removeprefix("test/"): v for name, v in run.metrics().items() if name.startswith("test/")}
    )
    assert len(rows(f"run/evaluation/best_test/{figures}.csv")) == len(names)
    assert {"worst.png", f"{figures}.png", "images.csv"} <= {path.name for path in folder.iterdir()}

    done("scripts/predict.py", "run=run", "images=images")
    predicted = rows("run/predictions/predictions.csv")
    known = {row["file"]: row for row in rows("run/evaluation/best_test/images.csv")}
    done("scripts/export.py", "run=run")
    lines = command(
        "run/export/best.onnx", *(f"images/{index}.png" for index in range(3)),
        script=str(tmp_path / "run" / "export" / "onnx_predict.py"), cwd=tmp_path,
    ).stdout.splitlines()  # fmt: skip
    for index, line in enumerate(lines):
        row = known[split.files[index]]
        if kind == "multilabel":
            assert predicted[index]["labels"] == row["predicted"]
            assert [part.split(" ")[0] for part in line.split(", ")] == row["predicted"].split(", ")
        for name in names:
            value = float(predicted[index][name])
            column = name if kind == "multilabel" else f"predicted_{name}"
            assert value == pytest.approx(float(row[column]), rel=1e-3, abs=1e-4)
            if kind == "regression":
                assert f"{name} {value:.3g}"[:8] in line
    assert len(lines) == 3

    done("scripts/explain.py", "run=run", "images=images", f"target={names[-1]}", "trust=1")
    trust = rows("run/explanations/trust.csv")
    assert {row["class"] for row in trust} == {names[-1]}
    assert np.isfinite([float(row["deletion"]) for row in trust if row["deletion"]]).all()
    assert "expected predicted or a" in done(
        "scripts/explain.py", "run=run", "images=images", "target=true", code=2
    )
    done("scripts/embed.py", "run=run", "neighbours=images/0.png", "nearest=2")
    (near, _) = rows("run/embeddings/embed_neighbours.csv")
    assert near["predicted"]
    train = data.splits["train"]
    assert near["class"] in train.pick(torch.arange(len(train)), names).names
    begin("second", "trainer.max_epochs=1", "callbacks=none", "seed=0")
    done("scripts/compare.py", "runs=[run,second]")
    (compared,) = (tmp_path / "run" / "comparison").rglob("losses.csv")
    assert len(compared.read_text().splitlines()) == 1 + len(split)
    assert "Leave it out, or take task=" in begin("wrong", "task=classification", code=2)
    assert not (tmp_path / "wrong").exists()

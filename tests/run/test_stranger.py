"""Run folders and checkpoints that somebody else has made: nothing in them is executed, by no command."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from pellucid.commands.compare.compare import compare
from pellucid.commands.embed.embed import embed
from pellucid.commands.evaluate import evaluate
from pellucid.commands.explain.explain import explain
from pellucid.commands.export.export import export
from pellucid.commands.predict import predict
from pellucid.commands.report import report
from pellucid.commands.train import train
from pellucid.commands.units import units
from pellucid.config.command_line import split
from pellucid.errors import UserError
from pellucid.run.folder import Run
from pellucid.run.resume import resumed_config
from pellucid.system.console import lines_of
from tests.helpers import CONF, command, compose, make_run

WIDENED = ["subprocess", "os", "builtins", "torch", "lightning", "pathlib"]
HANDLER = "torch.distributed.elastic.multiprocessing.subprocess_handler.SubprocessHandler"
ROOMS = ("model", "task", "optimizer", "scheduler", "data")  # which every command builds, or most
OF_TRAINING = ("callbacks", "logger")


def options(name: str) -> dict[str, Any]:
    loaded = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    assert isinstance(loaded, dict)
    kept = {str(key): value for key, value in loaded.items() if key not in ("defaults", "_target_")}
    return {**kept, "accelerator": "cpu"}


def commands(run: Path, photo: Path, out: Path) -> dict[str, Callable[[], Any]]:
    """Every command, as its script calls it, with no package named."""

    def of(name: str, function: Callable[..., Any], **more: Any) -> Callable[[], Any]:
        return lambda: function(**{**options(name), "run": str(run), "out": str(out), **more})

    two = {**options("compare"), "runs": [str(run), str(run)], "data": None, "out": str(out)}
    return {
        "evaluate": of("evaluate", evaluate, data=None),
        "predict": of("predict", predict, images=str(photo)),
        "explain": of("explain", explain, images=str(photo), explainer=compose()["explainer"]),
        "embed": of("embed", embed, data=None, methods=[]),
        "units": of("units", units, data=None, count=1, steps=1),
        "export": of("export", export, format="state_dict"),
        "report": of("report", report, data=None, seconds=0.0),
        "compare": lambda: compare(**two),
        "resume": lambda: resume(run),
    }


def resume(run: Path, *line: str) -> dict[str, Any] | None:
    config = resumed_config(Run.open(run), split([f"resume={run}", "trainer.max_epochs=2", *line]), CONF)
    return None if config is None else train(config, run, resume=True)


def constructors(marker: str) -> dict[str, dict[str, Any]]:
    """What starts a process, writes or runs code as soon as it is constructed."""
    return {
        "Popen": {"_target_": "subprocess.Popen", "args": ["touch", marker]},
        "system": {"_target_": "os.system", "command": f"touch {marker}"},
        "exec": {"_target_": "builtins.exec", "source": f"open({marker!r}, 'w')"},
        "through torch": {"_target_": "torch.serialization.os.mkdir", "path": marker},
        "handler": {
            "_target_": HANDLER,
            **{"entrypoint": "touch", "args": [marker], "env": {}, "stdout": None, "stderr": None},
            "local_rank_id": 0,
        },
        "exporter": {"_target_": "torch.package.PackageExporter", "f": marker},
        "writer": {"_target_": "torch.utils.tensorboard.SummaryWriter", "log_dir": marker},
        "hub": {"_target_": "torch.hub.load", "repo_or_dir": str(Path(marker).parent), "model": "net"},
        "download": {
            "_target_": "torchvision.datasets.utils.download_url",
            **{"url": Path(__file__).as_uri(), "root": str(Path(marker).parent), "filename": "went_off"},
        },
        "own writer": {"_target_": "pellucid.system.files.write_atomically", "path": marker, "content": ""},
    }


def spoilt(config: dict[str, Any], node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The configuration with ``node`` in each place, and its packages widened."""
    wide = {**config, "packages": WIDENED}
    for room in (*ROOMS, "trainer"):
        kept = config[room] or {"_target_": "torch.optim.lr_scheduler.StepLR"}
        yield room, {**wide, room: node}
        yield f"in {room}", {**wide, room: {**kept, "hidden": node}}
        yield f"in a list of {room}", {**wide, room: {**kept, "hidden": [[node]]}}
    for room in (*OF_TRAINING, "explainer"):
        yield room, {**wide, room: {"bad": node}}
        kept = next(iter(config[room].values()))
        yield f"in {room}", {**wide, room: {"bad": {**kept, "hidden": {"deep": [node]}}}}


def put(run: Path, config: dict[str, Any]) -> None:
    """Write the configuration into the run's checkpoints and into its folder."""
    for name in ("best", "last"):
        path = run / "checkpoints" / f"{name}.ckpt"
        content = torch.load(path, weights_only=True)
        content["pellucid"]["config"] = config
        torch.save(content, path)
    (run / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml(config))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    more = ("callbacks=[samples]", "logger=csv", "model.hidden=[8]")
    return make_run(tmp_path_factory.mktemp("runs") / "run", "model=dnn", *more)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[pytest.mark.slow] if number else [])
        for number, kind in enumerate(constructors(""))
    ],
)
def test_nothing_in_a_file_is_executed(
    trained: Path, tmp_path: Path, photo: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first in every place by every command; the others, which take the same way, once in each room."""
    marker, tried = tmp_path / "went_off", 0
    monkeypatch.chdir(tmp_path)
    every = kind == "Popen"
    config = Run(trained).config()
    kinds = constructors(str(marker))
    for number, (place, bad) in enumerate(spoilt(config, kinds[kind])):
        if not every and number % 3 != list(kinds).index(kind) % 3 and number < 3 * len((*ROOMS, "trainer")):
            continue  # directly, in an option, in a list: another kind is there
        run = shutil.copytree(trained, tmp_path / "run")
        put(run, bad)
        room = place.split()[-1]
        for name, do in commands(run, photo, tmp_path / "out").items():
            built = room in (ROOMS if name == "resume" else ROOMS[:-1])
            if not built and name not in ("resume", "report"):  # they build none of it
                continue
            if not every and name not in ("evaluate", "resume"):
                continue
            tried += 1
            with pytest.raises(UserError) if built else suppress(UserError):
                do()
            assert not marker.exists(), f"{name} with {kind} as {place}"
        shutil.rmtree(run)
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
    assert tried == (12 * 9 + 12 * 2 if every else 4 * 2 + 8)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("room", "node"),
    [
        ("logger", {"_target_": "CSVLogger", "save_dir": "elsewhere"}),
        ("logger", {"_target_": "CSVLogger", "name": "../../elsewhere", "version": ""}),
        ("logger", {"_target_": "CSVLogger", "name": "..", "version": ".."}),
        ("logger", {"_target_": "TensorBoardLogger", "name": ["..", "elsewhere"]}),
        ("logger", {"_target_": "TensorBoardLogger", "version": "$HOME/elsewhere"}),
        ("logger", {"_target_": "WandbLogger", "project": "p"}),
        ("callbacks", {"_target_": "ModelCheckpoint", "dirpath": "elsewhere"}),
        ("callbacks", {"_target_": "OnExceptionCheckpoint", "dirpath": "elsewhere"}),
    ],
)
def test_what_writes_elsewhere_must_be_named_again(
    trained: Path, tmp_path: Path, room: str, node: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = shutil.copytree(trained, tmp_path / "run")
    config = Run(run).config()
    package = "lightning.pytorch.loggers" if room == "logger" else "lightning.pytorch.callbacks"
    put(run, {**config, room: {"mine": {**node, "_target_": f"{package}.{node['_target_']}"}}})
    with pytest.raises(UserError, match=rf"If that is yours, name it: \+{room}.mine._target_=lightning"):
        resume(run)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_the_line_names_again_is_run(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    node = {"_target_": "lightning.pytorch.loggers.CSVLogger", "save_dir": str(tmp_path / "elsewhere")}
    put(run, {**Run(run).config(), "logger": {"mine": node}})
    assert resume(run, f"+logger.mine._target_={node['_target_']}") is not None
    assert (tmp_path / "elsewhere").is_dir()


NAMED: list[list[str]] = [[], ["packages=[mine]"]]


@pytest.mark.slow
def test_a_net_of_an_own_package_is_built_once_the_package_is_named(
    tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Sequential):\n"
        "    def __init__(self, image_shape, num_classes):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(64, num_classes))\n"
    )
    quiet = ["callbacks=none", "report=false", "trainer=cpu", "trainer.max_epochs=1", "hydra.run.dir=run"]
    own = ["model=own", "model._target_=mine.Net", "packages=[mine]"]
    predicting = ["scripts/predict.py", "run=run", f"images={photo}"]
    going_on = ["train.py", "resume=run", "trainer.max_epochs=2"]
    experiment = Path("conf", "experiment", "here.yaml")
    experiment.parent.mkdir(parents=True)
    experiment.write_text(
        "# @package _global_\ndefaults:\n  - override /model: own\n"
        "packages: [mine]\nmodel: {_target_: mine.Net}\n"
    )
    lines = [
        ["train.py", "--config-dir=conf", "experiment=here", *quiet[:-1], "hydra.run.dir=other"],
        ["train.py", *quiet, *own],
        *([*line, *named] for line in (predicting, going_on) for named in NAMED),
    ]
    before, done, *found = (command(*given, script=script, cwd=tmp_path) for script, *given in lines)
    assert before.returncode == 0, before
    assert done.returncode == 0, done
    assert [each.returncode for each in found] == [2, 0, 2, 0], found
    assert "packages=[" in found[0].stderr
    assert found[2].stderr.startswith("error: model: mine.Net is not allowed there.")


def test_a_secret_is_not_told(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that reads the environment says what it has read nowhere."""
    monkeypatch.setenv("TOKEN", "s3cret-of-mine")
    run = shutil.copytree(trained, tmp_path / "run")
    config = Run(run).config()
    view = OmegaConf.to_container(OmegaConf.load(CONF / "callbacks" / "feature_maps.yaml"))
    assert isinstance(view, dict)
    put(run, {**config, "callbacks": {"mine": {**view["feature_maps"], "layers": ["${oc.env:TOKEN}"]}}})
    with pytest.raises(UserError, match="s3cret") as raised:
        resume(run)
    assert "named '${oc.env:TOKEN}'" in lines_of(f"error: {raised.value}")
    assert "s3cret" not in lines_of(f"error: {raised.value}")


def test_links_and_pipes_of_a_run(trained: Path, tmp_path: Path) -> None:
    """What a folder of anybody's leads to is neither written nor waited for."""
    run, mine = shutil.copytree(trained, tmp_path / "run"), tmp_path / "mine"
    mine.write_text("mine\n")
    (run / "train.log").unlink(missing_ok=True)
    (run / "train.log").symlink_to(mine)
    os.mkfifo(run / ".a.ckpt.deadbeef")
    assert resume(run) is not None
    assert mine.read_text() == "mine\n"
    for name in ("metrics.json", "metrics.csv", "train.log"):
        (run / name).unlink()
        os.mkfifo(run / name)
    evaluate(**{**options("evaluate"), "run": str(run), "data": None, "out": str(tmp_path / "out")})
    assert resume(run, "trainer.max_epochs=3") is not None
    (run / "checkpoints").rename(tmp_path / "elsewhere")
    (run / "checkpoints").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is a link"):
        resume(run, "trainer.max_epochs=4")


def test_no_machine_is_waited_for(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    config = Run(run).config()
    asked = {**config, "trainer": {**config["trainer"], "num_nodes": 2, "strategy": "ddp"}}
    with pytest.raises(UserError, match="Several machines are not supported"):
        train(asked, run, resume=True)


@pytest.mark.slow
def test_no_secret_is_kept(tmp_path: Path) -> None:
    secret = "s3cret-of-mine"
    line = [
        *("model=dnn", "trainer=cpu", "trainer.max_epochs=1", "hydra.run.dir=run", "logger=none"),
        *("callbacks=[summary]", "+callbacks.stop._target_=lightning.pytorch.callbacks.EarlyStopping"),
        *("+callbacks.stop.monitor=${oc.env:TOKEN}", 'data.seed="${oc.decode:${oc.env:SEED}}"'),
        "+logger.csv._target_=lightning.pytorch.loggers.CSVLogger",
        *("+logger.csv.name=${oc.env:NAME}", "+logger.csv.version=''"),
    ]
    env = {"TOKEN": "val/loss", "NAME": secret, "SEED": "3"}
    done = command(*line, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "run"
    assert (run / secret).is_dir(), "the logger was given it"
    holding = [path for path in run.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert holding == []
    config = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["pellucid"]["config"]
    assert config["logger"]["csv"]["name"] == "${oc.env:NAME}"
    assert config["data"]["seed"] == 3
    again = ("resume=run", "trainer.max_epochs=2", "+logger.csv._target_=lightning.pytorch.loggers.CSVLogger")
    unset = command(*again, cwd=tmp_path, env={"SEED": "3"})
    assert unset.returncode == 2
    assert "'TOKEN' not found" in unset.stderr
    resumed = command(*again, cwd=tmp_path, env=env)
    assert resumed.returncode == 0, resumed.stderr
    assert not [path for path in run.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


@pytest.mark.slow
def test_a_sweep_s_frozen_files_run_nothing(tmp_path: Path) -> None:
    """Of Hydra's own options and of all that is built, in files that are no longer the user's."""
    quiet = ("model=dnn", "trainer=cpu", "callbacks=none", "logger=none", "trainer.max_epochs=1")
    line = ("-m", *quiet, "seed=0,1", "sweep.name=theirs", "report=false")
    done = command(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    sweep, marker = tmp_path / "outputs" / "sweeps" / "theirs", tmp_path / "went_off"
    conf = sweep / "conf"
    popen = f"{{_target_: subprocess.Popen, args: [touch, {marker}]}}"
    bad = {
        "train.yaml": (conf / "train.yaml")
        .read_text()
        .replace("\nhydra:\n", f"\nhydra:\n  callbacks: {{x: {popen}}}\n"),
        "model/dnn.yaml": f"_target_: subprocess.Popen\nargs: [touch, {marker}]\n",
        "trainer/cpu.yaml": f"# @package hydra.callbacks\nx: {popen}\n",
        "callbacks/none.yaml": f"x: {popen}\n",
        "logger/none.yaml": "x: {_target_: lightning.pytorch.loggers.WandbLogger}\n",
        "sweep/grid.yaml": f"sampler: {popen}\n",
        "hydra/callbacks/x.yaml": f"x: {popen}\n",
        "experiment/x.yaml": '"\\x68ydra": {job: {env_set: {LD_PRELOAD: x}}}\n',
    }
    for name, text in bad.items():
        path = conf / name
        before = path.read_text() if path.is_file() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        (sweep / "0" / "metrics.json").unlink(missing_ok=True)
        done = command(*line, cwd=tmp_path)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), (name, done.stderr)
        assert "is not the same as yours" in done.stderr, (name, done.stderr)
        assert not marker.exists(), name
        path.unlink() if before is None else path.write_text(before)
    grid = (conf / "sweep" / "grid.yaml").read_text()
    (conf / "sweep" / "grid.yaml").write_text(grid.replace("storage: null", "storage: sqlite:///their.db"))
    done = command(*line, cwd=tmp_path)
    assert (done.returncode, "If it is right: sweep.storage=sqlite" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "their.db").exists()
    (conf / "sweep" / "grid.yaml").write_text(grid)
    (conf / "callbacks").rename(sweep / "elsewhere")
    (conf / "callbacks").symlink_to("../elsewhere")
    done = command(*line, cwd=tmp_path)
    assert (done.returncode, "is a link" in done.stderr) == (2, True), done.stderr
    (conf / "callbacks").unlink()
    (sweep / "elsewhere").rename(conf / "callbacks")
    again = command(*line, cwd=tmp_path)
    assert again.returncode == 0, again.stderr

"""The views on real small runs: what they leave in the folder and in TensorBoard, on every kind of net."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CometLogger, CSVLogger, MLFlowLogger, WandbLogger
from omegaconf import OmegaConf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pellucid.callbacks.curves import Curves
from pellucid.callbacks.figure_logger import FigureLogger, send
from pellucid.callbacks.visualizer import Snapshot, Visualizer
from pellucid.commands.train import train
from pellucid.config.build import locate
from pellucid.draw.sheet import Sheet
from pellucid.engine.build import assemble, make_data
from pellucid.errors import UserError
from pellucid.explainer.grad_cam import NO_MAPS
from pellucid.run.folder import Run
from tests.fakes import write_photos
from tests.helpers import CONF, command, compose, metrics


def find_views() -> dict[str, type[Visualizer]]:
    found = {}
    for path in sorted((CONF / "callbacks").glob("*.yaml")):
        node = (OmegaConf.to_container(OmegaConf.load(path)) or {}).get(path.stem)  # type: ignore[union-attr]
        if isinstance(node, dict) and str(node["_target_"]).startswith("pellucid."):
            kind = locate(node["_target_"], "callbacks")
            if issubclass(kind, Visualizer):
                found[path.stem] = kind
    return found


VIEWS = find_views()
OURS = {
    *("samples", "curves", "predictions", "confusion", "feature_maps", "filters", "activations"),
    *("explanations", "embeddings", "reconstructions", "latent", "film_strip", "graph"),
}
CLASSIFIER = {"predictions", "confusion", "explanations"}
AUTOENCODER = {"reconstructions", "latent"}


def looked(result: dict[str, Any]) -> set[str]:
    """Our views that took time, and so were drawn; and the total."""
    drawn = {key.removeprefix("look/seconds/") for key, value in result.items() if value}
    return drawn & {*OURS, "total"}


def failures(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key.startswith("look/failed")}


def pictures(folder: Path) -> set[str]:
    """Of our views."""
    found = (path.relative_to(folder / "figures") for path in (folder / "figures").rglob("*.png"))
    return {path.as_posix() for path in found if path.parts[0].removesuffix(".png") in OURS}


def events(folder: Path) -> EventAccumulator:
    read = EventAccumulator(
        str(folder / "tensorboard"), {"images": 0, "scalars": 0, "histograms": 0, "tensors": 0}
    )
    read.Reload()
    return read


def test_every_view_is_named_as_its_file_and_on_by_default() -> None:
    assert set(VIEWS) >= OURS
    assert all(kind.name == name for name, kind in VIEWS.items())
    default = compose("callbacks=default")["callbacks"]
    assert {*OURS, "summary", "progress"} <= set(default) <= {*VIEWS, "summary", "progress"}
    assert compose("callbacks=none")["callbacks"] == {}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two epochs of the CNN on digits with all views at their defaults; two images a row of the log."""
    folder = tmp_path_factory.mktemp("classifier")
    train(compose("model=cnn", "callbacks=default", "logger=csv", "trainer.max_epochs=2"), folder)
    return folder


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("autoencoder")
    train(
        compose("model=autoencoder", "callbacks=default", "logger=tensorboard", "trainer.max_epochs=2"),
        folder,
    )
    return folder


def test_a_classifier_leaves_these_pictures(classifier: Path) -> None:
    result = metrics(classifier)
    assert not failures(result)
    assert looked(result) == {*OURS, "total"} - AUTOENCODER
    both = [
        *("predictions", "predictions/mistakes", "confusion", "explanations"),
        *("feature_maps/features.0", "feature_maps/features.4", "filters/features.0", "filters/features.4"),
        *("embeddings/pca", "embeddings/tsne", "activations"),
    ]
    expected = {f"{what}/epoch_000{epoch}.png" for what in both for epoch in (1, 2)}
    expected |= {f"film_strip/probe_{place}.png" for place in range(4)}
    assert pictures(classifier) == expected | {"samples/epoch_0000.png", "curves.png"}


def test_an_autoencoder_leaves_these_pictures(autoencoder: Path) -> None:
    result = metrics(autoencoder)
    assert not failures(result)
    assert looked(result) == {*OURS, "total"} - CLASSIFIER - {"feature_maps", "filters"}
    both = [
        *("reconstructions", "reconstructions/extremes", "latent", "latent/traversal"),
        *("embeddings/pca", "embeddings/tsne", "activations"),
    ]
    expected = {f"{what}/epoch_000{epoch}.png" for what in both for epoch in (1, 2)}
    expected |= {f"film_strip/probe_{place}.png" for place in range(4)}
    assert pictures(autoencoder) == expected | {"samples/epoch_0000.png", "curves.png"}
    log = (autoencoder / "train.log").read_text()
    assert log.count("Not for this model") == 1
    assert "feature_maps, filters (no convolutions)" in log


def test_tensorboard_holds_the_same_pictures(classifier: Path) -> None:
    read = events(classifier)
    tags = read.Tags()
    expected = {name.rpartition("/epoch_")[0] for name in pictures(classifier) if "/epoch_" in name}
    expected |= {f"film_strip/probe_{place}" for place in range(4)}
    assert set(tags["images"]) == expected
    assert tags["graph"]
    steps = [event.step for event in read.Images("predictions")]
    assert steps == [40, 80], "on the axis of the curves"
    told = (classifier / "train.log").read_text()
    assert "--samples_per_plugin images=1000" in told, "TensorBoard shows ten of a tag unless told"
    for tag in ("predictions", "feature_maps/features.0", "confusion"):
        shown = Image.open(io.BytesIO(read.Images(tag)[-1].encoded_image_string))
        kept = Image.open(classifier / "figures" / tag / "epoch_0002.png")
        assert np.array_equal(np.asarray(shown), np.asarray(kept)), tag


def test_scalars_and_histograms_of_every_layer(classifier: Path) -> None:
    read = events(classifier)
    tags = read.Tags()
    layers = ["features.0", "features.2", "features.4", "features.6", "classifier.1", "classifier.3", "head"]
    for layer in layers:
        for kind in ("mean", "std", "dead"):
            values = [event.value for event in read.Scalars(f"activations/{kind}/{layer}")]
            assert len(values) == 2
            assert np.isfinite(values).all()
        assert f"activations/{layer}" in tags["histograms"]
    weighty = [layer for layer in layers if layer not in ("features.2", "features.6")]
    for layer in weighty:
        assert [event.value > 0 for event in read.Scalars(f"gradients/norm/{layer}")] == [True, True]
        assert len(read.Histograms(f"weights/{layer}")) == 2
        assert len(read.Histograms(f"weights/{layer}")[0].histogram_value.bucket) <= 66
    assert {"filters/change/features.0", "filters/change/features.4"} <= set(tags["scalars"])
    kept = (classifier / "csv" / "metrics.csv").read_text()
    assert "activations/dead/features.2" in kept, "every logger gets them"
    assert "confusion/text_summary" in tags["tensors"]


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


def test_the_projector_names_the_images(classifier: Path) -> None:
    folder = classifier / "tensorboard" / "projector"
    assert sorted(path.name for path in folder.iterdir()) == ["epoch_0001", "epoch_0002"]
    rows = [line.split("\t") for line in (folder / "epoch_0002" / "metadata.tsv").read_text().splitlines()]
    assert rows[0] == ["index", "file", "true", "predicted", "correct", "confidence"]
    assert len(rows) == 1 + 179
    data = make_data(compose("model=cnn"))
    data.setup()
    val = data.splits["val"]
    sprite = np.asarray(Image.open(folder / "epoch_0002" / "sprite.png"))
    across = sprite.shape[0] // 8
    right = 0
    for place, (index, file, true, predicted, correct, confidence) in enumerate(rows[1:]):
        assert val.files[int(index)] == file
        assert data.spec.classes[val.labels_N[int(index)]] == true
        assert correct == ("yes" if true == predicted else "no")
        assert 0.1 <= float(confidence) <= 1
        right += correct == "yes"
        top, left = place // across * 8, place % across * 8
        image = val.images(torch.tensor([int(index)]))[0, 0].numpy()
        assert np.abs(sprite[top : top + 8, left : left + 8].astype(int) - image).max() <= 1, file
    kept = (classifier / "metrics.csv").read_text().splitlines()
    last = dict(zip(kept[0].split(","), kept[-1].split(","), strict=True))
    assert right / 179 == pytest.approx(float(last["val/accuracy"]), abs=1e-6)


def test_pixels_are_shown_as_they_were(photos: Path, tmp_path: Path) -> None:
    """Normalisation is undone by the data's own mean and std, to the very byte."""
    options = ["data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}", "data.image_size=16"]
    config = compose("model=dnn", *options, "callbacks=none")
    data, task = assemble(config)
    data.setup()
    figures = FigureLogger(run=Run(tmp_path), data=data, seed=0, explainers={})
    snapshot = Snapshot(Curves(every_n_epochs=1, figures=figures), Trainer(logger=False), task, epoch=1)
    index = torch.tensor([4, 0])
    shown = snapshot.images("val", index)
    assert np.array_equal(shown.pixels_BHWC, data.splits["val"].images(index).permute(0, 2, 3, 1).numpy())
    assert shown.files[1] == data.splits["val"].files[0].removeprefix("train/")
    assert torch.equal(shown.labels_B, data.splits["val"].labels_N[index])


class FakeExperiment:
    def __init__(self) -> None:
        self.images: list[tuple[Any, ...]] = []

    def log_image(self, *arguments: Any, **named: Any) -> None:
        self.images.append((*arguments, *named.values()))


def test_every_logger_that_takes_images_gets_them() -> None:
    """Stand-ins for servers: what Lightning's loggers of those names would be called with."""
    picture = np.zeros((2, 3, 3), np.uint8)

    class Board(WandbLogger):
        def __init__(self) -> None:
            self.images: list[Any] = []

        def log_image(self, key: str, images: list[Any], step: int | None = None, **more: Any) -> None:
            self.images.append((key, images[0], step))

    class Flow(MLFlowLogger):
        run_id = "7"
        experiment = FakeExperiment()

        def __init__(self) -> None: ...

    class Comet(CometLogger):
        experiment = FakeExperiment()

        def __init__(self) -> None: ...

    board, flow, comet = Board(), Flow(), Comet()
    assert all(send(logger, "maps/a", picture, b"", 5) for logger in (board, flow, comet))
    assert board.images == [("maps/a", picture, 5)]
    assert flow.experiment.images == [("7", picture, "maps/a/step_000005.png")]
    assert comet.experiment.images == [(picture, "maps/a", 5)]
    assert not send(CSVLogger("."), "maps/a", picture, b"", 5)


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


def test_methods_of_explanation_are_chosen_by_name(tmp_path: Path) -> None:
    config = compose("model=dnn", "callbacks=[explanations,film_strip]", "explainer=[saliency,grad_cam]")
    result = train(config, tmp_path)
    assert not failures(result)
    assert f"Grad-CAM ({NO_MAPS})" in (tmp_path / "train.log").read_text()
    for methods in ("[occlusion]", "[]", "salience"):
        with pytest.raises(UserError, match="names among saliency, grad_cam"):
            train(
                compose(
                    "callbacks=explanations",
                    "explainer=[saliency,grad_cam]",
                    f"callbacks.explanations.methods={methods}",
                ),
                tmp_path / "wrong",
            )


WRONG = [
    ("feature_maps.layers=[features.99]", r"callbacks.feature_maps: CNN has no layer named 'features.99'"),
    ("feature_maps.layers=[head]", "callbacks.feature_maps: layers: head gives"),
    ("feature_maps.layers=first", "expected auto or a list"),
    ("feature_maps.maps=0", "callbacks.feature_maps.maps=0"),
    ("filters.layers=[features.2]", "features.2 is a ReLU"),
    ("filters.kernels=0", "kernels=0"),
    ("activations.layers=[x]", "no layer named 'x'"),
    ("activations.layers=all", "expected auto or a list"),
    ("activations.histogram_every_n_epochs=0", "at least 1"),
    ("embeddings.layer=features", None),
    ("embeddings.layer=feature", "no layer named 'feature'"),
    ("embeddings.points=5001", "expected 1 to 5,000"),
    ("embeddings.methods=[umap]", "expected some of pca, tsne"),
    ("film_strip.method=lime", "expected all, or names among"),
    ("predictions.count=0", "count=0"),
    ("samples.count=0", "count=0"),
    ("samples.count=100000", "expected 1 to 200"),
    ("feature_maps.layers=[]", "names none"),
    ("feature_maps.layers=null", "expected"),
    ("confusion.every_n_epochs=0", r"callbacks.confusion.every_n_epochs=0"),
]


@pytest.mark.parametrize(("option", "said"), WRONG)
def test_a_wrong_option_is_told_before_training(tmp_path: Path, option: str, said: str | None) -> None:
    view = option.partition(".")[0]
    config = compose("model=cnn", f"callbacks={view}", f"callbacks.{option}")
    if said is None:
        assert not failures(train(config, tmp_path / "run"))
        return
    with pytest.raises(UserError, match=said):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


class TestOtherKindsOfData:
    """Every view on what it was not made with."""

    @pytest.fixture
    def everything(self) -> list[str]:
        return ["callbacks=default", "logger=tensorboard", "trainer.max_epochs=2"]

    def test_a_net_without_convolutions_on_colour_images(
        self, photos: Path, tmp_path: Path, everything: list[str]
    ) -> None:
        data = [
            "data=catdog",
            f"data.root={photos}",
            "data.image_size=16",
            f"data.cache={tmp_path / 'cache'}",
        ]
        result = train(compose("model=dnn", *data, *everything), tmp_path / "run")
        assert not failures(result)
        assert looked(result) == {*OURS, "total"} - AUTOENCODER - {"feature_maps", "filters"}

    @pytest.mark.slow
    def test_one_probe_image_of_two_hundred_classes(self, tmp_path: Path, everything: list[str]) -> None:
        write_photos(tmp_path / "photos", {f"class $_{label}": 3 for label in range(200)})
        config = compose(
            "model=cnn", "data=image_folder", f"data.root={tmp_path / 'photos'}", "data.image_size=16",
            f"data.cache={tmp_path / 'cache'}", *everything,
        )  # fmt: skip
        for name, key in (("feature_maps", "images"), ("explanations", "images"), ("film_strip", "images")):
            config["callbacks"][name][key] = 1
        config["callbacks"]["predictions"]["count"] = config["callbacks"]["samples"]["count"] = 1
        result = train(config, tmp_path / "run")
        assert not failures(result)
        assert looked(result) == {*OURS, "total"} - AUTOENCODER

    @pytest.mark.slow
    @pytest.mark.parametrize("sizes", [[8, 1], [8, 2], [8, 5]])
    def test_codes_of_any_length_on_colour_images(
        self, photos: Path, tmp_path: Path, everything: list[str], sizes: list[int]
    ) -> None:
        data = [
            "data=catdog",
            f"data.root={photos}",
            "data.image_size=16",
            f"data.cache={tmp_path / 'cache'}",
        ]
        result = train(
            compose("model=autoencoder", f"model.sizes={sizes}", *data, *everything), tmp_path / "run"
        )
        assert not failures(result)
        assert looked(result) >= {"latent", "reconstructions", "film_strip", "embeddings"}

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "model",
        [
            "model=gcn",
            "model=xai data.image_size=34 trainer.precision=bf16-mixed",
            "model=resnet_frozen model.weights=none data.image_size=32",
            "model=resnet_frozen model.arch=densenet121 model.weights=none data.image_size=32",
            "model=resnet_finetune model.arch=vit_b_16 model.weights=none data.image_size=32",
            "model=cnn trainer.precision=bf16-true data.image_size=16",
            "model=cnn data.image_size=16 +trainer.limit_val_batches=1 +trainer.check_val_every_n_epoch=2",
        ],
    )
    def test_other_nets_and_precisions(
        self, photos: Path, tmp_path: Path, everything: list[str], model: str
    ) -> None:
        data = ["data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}"]
        result = train(compose(*model.split(), *data, *everything), tmp_path / "run")
        assert not failures(result), (tmp_path / "run" / "train.log").read_text()
        without = {"feature_maps", "filters"} if "gcn" in model else set()
        assert looked(result) == {*OURS, "total"} - AUTOENCODER - without


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


@pytest.mark.slow
def test_a_resumed_run_goes_on_with_its_pictures(tmp_path: Path) -> None:
    line = ["model=cnn", "callbacks=default", "logger=tensorboard"]
    options = ["callbacks.embeddings.every_n_epochs=1", "callbacks.filters.every_n_epochs=1"]
    train(compose(*line, *options, "trainer.max_epochs=1"), tmp_path)
    start = (tmp_path / "figures" / "filters" / "start.npz").read_bytes()
    samples = (tmp_path / "figures" / "samples" / "epoch_0000.png").stat().st_mtime_ns
    before = metrics(tmp_path)
    result = train(compose(*line, *options, "trainer.max_epochs=2"), tmp_path, resume=True)
    assert not failures(result)
    assert (tmp_path / "figures" / "filters" / "start.npz").read_bytes() == start
    assert (tmp_path / "figures" / "samples" / "epoch_0000.png").stat().st_mtime_ns == samples
    assert result["look/bytes/predictions"] > before["look/bytes/predictions"]
    layouts = [np.load(tmp_path / "figures" / "embeddings" / f"epoch_000{epoch}.npz") for epoch in (1, 2)]
    for method in ("pca", "tsne"):
        one, other = (layout[method] for layout in layouts)
        assert (one * other).sum() > 0, "the later layout is turned as the earlier one"
    frames = sorted(path.name for path in (tmp_path / "figures" / "film_strip" / "frames").iterdir())
    assert frames == ["epoch_0001.npz", "epoch_0002.npz"]
    projector = tmp_path / "tensorboard" / "projector"
    assert sorted(path.name for path in projector.iterdir()) == ["epoch_0001", "epoch_0002"]


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


@pytest.mark.slow
def test_broken_files_of_a_killed_run_are_passed_over(tmp_path: Path) -> None:
    line = ["model=cnn", "callbacks=[film_strip,filters,embeddings]", "callbacks.embeddings.every_n_epochs=1"]
    train(compose(*line, "trainer.max_epochs=1"), tmp_path)
    names = ["film_strip/frames/epoch_0001.npz", "filters/start.npz", "embeddings/epoch_0001.npz"]
    for name in names:
        path = tmp_path / "figures" / name
        path.write_bytes(path.read_bytes()[:100])
    result = train(compose(*line, "trainer.max_epochs=2"), tmp_path, resume=True)
    assert not failures(result)


class Raises(Visualizer):
    """Cannot even say whether it applies."""

    name = "raises"

    def reason(self, snapshot: Snapshot) -> str | None:
        raise ValueError("what net is this?")

    def draw(self, snapshot: Snapshot) -> None:
        raise AssertionError("never looks")


def test_a_view_that_fails_before_training_is_left_out(tmp_path: Path) -> None:
    config = compose("model=dnn", "packages=[tests]")
    config["callbacks"] = {"raises": {"_target_": "tests.callbacks.test_views.Raises", "every_n_epochs": 1}}
    result = train(config, tmp_path)
    assert failures(result) == {"look/failed/raises": 1}
    assert "what net is this?" in (tmp_path / "train.log").read_text()


@pytest.mark.slow
def test_two_processes_draw_once(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = command(
        "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "model=cnn", "trainer.max_epochs=2",
        f"hydra.run.dir={folder}", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = metrics(folder)
    assert not failures(result)
    assert looked(result) == {*OURS, "total"} - AUTOENCODER
    assert [event.step for event in events(folder).Images("predictions")] == [20, 40]
    assert len(list((folder / "tensorboard").glob("events*"))) <= 3
    assert done.stdout.count("Not for this model") == 1
    rows = (folder / "tensorboard" / "projector" / "epoch_0002" / "metadata.tsv").read_text().splitlines()
    assert len(rows) == 1 + 90, "rank 0's share of 179 images"
    assert "val/accuracy" in result


def test_metrics_json_is_plain(classifier: Path) -> None:
    values = json.loads((classifier / "metrics.json").read_text())
    assert all(isinstance(value, int | float) for key, value in values.items() if key.startswith("look/"))

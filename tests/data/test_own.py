"""A user's own data set: read in every form, in the splits that it has, and what is told of a bad one."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pellucid.commands.train import train
from pellucid.data import item_data
from pellucid.data.digits import Digits as OurDigits
from pellucid.data.own import Own, by_name
from pellucid.engine.build import make_data
from pellucid.errors import UserError
from pellucid.spec import MULTILABEL, NUMBERS
from tests.data import own_sets
from tests.data.own_sets import digits
from tests.fakes import write_photos
from tests.helpers import command, compose, metrics, same, weights

SETS = "tests.data.own_sets"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of data sets that other tests have looked at."""
    monkeypatch.setattr(item_data, "_known", {})


def read(make: Any, **options: Any) -> Own:
    data = Own(make=make, **options)
    data.setup()
    return data


def of_line(name: str, *options: str) -> Any:
    """The data module of a command line."""
    return make_data(compose("data=own", "packages=[tests]", f"data._target_={SETS}.{name}", *options))


@pytest.mark.parametrize(
    "form",
    [
        *("pillow", "array", "channels last", "tensor", "float", "double in bytes", "mapping", "named"),
        *("more", "label first"),
    ],
)
def test_items_of_every_form_give_the_same_images(form: str) -> None:
    data = read(partial(own_sets.Digits, form=form))
    images_NHW, labels_N = digits()
    found = {
        int(file.rpartition("/")[2]): (split.images(torch.tensor([k]))[0, 0], int(split.labels_N[k]))
        for split in data.splits.values()
        for k, file in enumerate(split.files)
    }
    assert len(found) == 400
    assert all(np.array_equal(found[k][0].numpy(), images_NHW[k]) for k in found)
    assert [found[k][1] for k in range(400)] == labels_N.tolist()
    assert data.spec.classes == tuple("0123456789")
    train_N = data.splits["train"].images().double() / 255
    assert data.spec.mean == (round(float(train_N.mean()), 4),)
    assert data.spec.std == (round(float(train_N.std(correction=0)), 4),)


def test_one_object_a_split_where_its_class_has_a_split(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        data = read(own_sets.Splits)
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 256, "val": 100, "test": 44}
    assert (
        "no test images (tests.data.own_sets.Splits(split=test) raised ValueError: there is no test"
        in caplog.text
    )
    assert data.spec.classes[3] == "three"


def test_a_split_that_is_chosen_is_divided_by_ours() -> None:
    data = read(partial(own_sets.Splits, split="train"))
    assert sum(map(len, data.splits.values())) == 300
    assert set(data.splits) == {"train", "val", "test"}


def test_a_flag_for_training_images() -> None:
    data = read(own_sets.Flagged, val_fraction=0.1)
    assert len(data.splits["test"]) == 80
    assert len(data.splits["train"]) + len(data.splits["val"]) == 300


@pytest.mark.parametrize("name", ["by_name", "of_split"])
def test_functions_give_splits_too(name: str) -> None:
    data = of_line(name)
    data.setup()
    assert len(data.splits["val"]) == 100


def test_a_function_may_give_any_sequence_of_pairs() -> None:
    data = read(own_sets.pairs)
    assert sum(map(len, data.splits.values())) == 400


def test_a_function_that_gives_our_kind_is_as_before() -> None:
    config = compose("data=own", "packages=[tests]", f"data._target_={SETS}.of_ours")
    config["data"] = {"_target_": f"{SETS}.of_ours", "seed": 3}
    data = make_data(config)
    assert (type(data), data.seed, data.batch_size) == (OurDigits, 3, 9)
    with pytest.raises(UserError, match="of_ours gives an ImageData, which has batch_size and the like of"):
        of_line("of_ours")


def test_a_data_module_has_the_sets_of_its_loaders() -> None:
    data = of_line("Module", "data.batch_size=7")
    data.setup()
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 250, "val": 70, "test": 80}
    assert data.make.keywords == {"batch_size": 7, "seed": 0}  # options of ours that it names, too
    assert np.array_equal(data.splits["test"].images()[:, 0].numpy(), digits()[0][320:])  # Normalize undone


@pytest.mark.slow
def test_random_images_are_drawn_anew_in_each_epoch_as_a_function_of_place() -> None:
    one, other = (read(own_sets.Module, workers=workers) for workers in (0, 2))
    state = torch.get_rng_state()
    epochs: list[list[torch.Tensor]] = []
    for data in (one, other):
        loader = data.train_dataloader()
        for epoch in (0, 1):
            loader.sampler.set_epoch(epoch)
            order_N = torch.cat(list(loader.sampler))
            images_NCHW = torch.cat([images for images, _ in loader])
            epochs.append([images_NCHW[order_N.argsort()]])
    (first,), (second,), *again = epochs
    assert not torch.equal(first, second)
    assert torch.equal(first, again[0][0])  # by workers, the same
    assert torch.equal(second, again[1][0])
    kept_NCHW = one.splits["train"].images()
    assert torch.equal((one.spec.denormalise(first) * 255).round().to(torch.uint8), kept_NCHW)
    assert torch.equal(torch.get_rng_state(), state)
    validation = [torch.cat([images for images, _ in one.val_dataloader()]) for _ in range(2)]
    assert torch.equal(*validation)


@pytest.mark.slow
def test_a_training_with_random_images_resumes_bitwise(tmp_path: Path) -> None:
    line = ("data=own", "packages=[tests]", f"data._target_={SETS}.Module", "model=dnn", "recipe=plain")
    train(compose(*line, "trainer.max_epochs=3"), tmp_path / "whole")
    train(compose(*line, "trainer.max_epochs=2"), tmp_path / "parts")
    train(compose(*line, "trainer.max_epochs=3"), tmp_path / "parts", resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert metrics(tmp_path / "whole")["data/source"] == f"{SETS}.Module"


@pytest.mark.parametrize("listed", [True, False])
def test_photos_are_brought_to_one_size(listed: bool) -> None:
    data = read(partial(own_sets.Photos, listed=listed), image_size=32)
    assert data.spec.classes == ("0", "1", "2")
    assert data.splits["train"].store.shape == (60, 3, 32, 32)
    for split in data.splits.values():
        bright_N = split.images().float().mean((2, 3)).argmax(1)
        assert torch.equal(bright_N, split.labels_N)
    other = read(partial(own_sets.Photos, listed=listed), image_size=20)
    assert other.fingerprint() == data.fingerprint()
    assert Own(make=own_sets.Photos).spec.image_shape == (3, 128, 128)


def test_labels_may_be_names() -> None:
    assert read(own_sets.Names).spec.classes == ("even", "odd")


def test_the_items_are_looked_at_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Own(make=own_sets.Digits)
    monkeypatch.setattr(own_sets.Digits, "__getitem__", lambda self, index: pytest.fail("read again"))
    assert Own(make=own_sets.Digits).spec == one.spec


def test_large_images_lie_in_a_file_that_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_data, "IN_MEMORY", 1000)
    data = read(own_sets.Digits, cache=str(tmp_path / "cache"))
    assert len(data.splits["train"].images()) == 280
    assert list((tmp_path / "cache").iterdir()) == []
    with pytest.raises(UserError, match=r"take 2.4e-05 GiB, more than data.cache_limit=1e-06"):
        read(own_sets.Digits, cache=str(tmp_path / "cache"), cache_limit=1e-6, seed=1)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            "raise",
            r"item 17 of 400 raised KeyError: 'file' \(.*own_sets.py, line \d+\). Every item is needed",
        ),
        ("shape", r"item 17 of 400 has an image of the shape \(1, 7, 8\), those before \(1, 8, 8\)"),
        ("colour", "item 17 of 400 is in colour, those before are grey"),
        ("exit", r"item 17 of 400 raised SystemExit: no file \(.*own_sets.py, line"),
        ("nan", "item 17 of 400 has an image of which 1 of 64 values are NaN or infinite"),
        ("bright", "item 17 of 400 has values from 0 to 7, beyond black and white of the others"),
        ("mixed", "item 17 of 400 is an image of Pillow's, others are arrays"),
        ("none", "item 17 of 400 has the label None. Expected the number of a class"),
        ("several", r"item 17 of 400 has a label of 3 numbers, \[0.0, 0.0, 0.0\]. Expected one class"),
        ("half", "item 17 of 400 has the label 0.5. Expected the number"),
        ("range", r"item 17 of 400 has the label 10. Expected 0 to 9, or a name, of 10 classes \(0, 1, 2,"),
        ("negative", "item 17 of 400 has the label -1. Expected the number of a class, from 0"),
        ("name", "item 17 of 400 has the label 'seven', the first 0. Expected numbers or names"),
        ("alone", "item 17 of 400 is .*Image.*. Expected a pair of image and label"),
        ("stream of chance", "item 0 of 400 asked twice is another image or has another label"),
        ("normalised", "images have values from -1 to 1.4, and no Normalize was found"),
    ],
)
def test_what_is_wrong_with_an_item_is_told(fault: str, message: str) -> None:
    with pytest.raises(UserError, match=f"^tests.data.own_sets.Broken: {message}") as caught:
        Own(make=partial(own_sets.Broken, fault=fault))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (own_sets.Stream, r"Stream has no numbered items .* Expected __len__ and __getitem__"),
        (own_sets.Empty, "Empty has no items"),
        (own_sets.Broken, r"missing a required argument: 'fault'. Give it by"),
        (
            own_sets.Lost,
            r"Lost\(split=train\) raised RuntimeError: files are not there \(.*own_sets.py, line",
        ),
        (own_sets.Unready, r"Unready.setup\(fit\) raised KeyError: 'files' \(.*own_sets.py, line"),
        (own_sets.misnamed, r"has fold 1. Expected train, and val and test"),
        (partial(own_sets.Splits, form="?", split="train"), "item 0 of 300 raised AssertionError"),
    ],
)
def test_what_is_no_data_set_is_told(make: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Own(make=make)


@pytest.mark.parametrize(
    ("known", "labels", "classes", "values"),
    [
        ("flags", MULTILABEL, ("0", "1", "2"), [[d % 2 == 1, d > 4, d % 3 == 0] for d in range(10)]),
        ("numbers", NUMBERS, ("0", "1"), [[d / 4, -d] for d in range(10)]),
        ("number", NUMBERS, ("number",), [[d / 4] for d in range(10)]),
    ],
)
def test_images_may_have_several_labels_or_numbers(
    known: str, labels: str, classes: tuple[str, ...], values: list[list[Any]]
) -> None:
    data = Own(make=partial(own_sets.Known, known=known))
    data.setup()
    assert (data.spec.labels, data.spec.classes) == (labels, classes)
    for split in data.splits.values():
        assert split.targets_NK is not None
        rows = [int(name.partition("/")[2]) for name in split.files]
        digits_N = own_sets.digits()[1][rows]
        assert split.targets_NK.tolist() == [values[digit] for digit in digits_N]


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_images_of_many_channels_are_shown_as_those_of_files(channels: int) -> None:
    noise = np.random.default_rng(0)
    pixels_NCHW = noise.integers(0, 50, (60, channels, 8, 8), np.uint8)
    if channels == 5:
        pixels_NCHW[:, 4, :, :4] = 200  # most of what differs between pixels, with channel 3
        pixels_NCHW[:, 3, :, :4] = 200
    pairs = [(torch.from_numpy(image), index % 2) for index, image in enumerate(pixels_NCHW)]
    spec = Own(make=lambda: pairs).spec
    if channels < 5:
        assert spec.bands == {2: (0, 1, 0)}.get(channels, ())
        return
    assert spec.shown_as == "shown: the first 3 principal components of 5 channels"
    weights_C = np.abs(np.array(spec.bands).reshape(3, 6)[0, :5]) * np.array(spec.std)
    assert weights_C[3:].min() > 3 * weights_C[:3].max()


@pytest.mark.parametrize("channels", [3, 4, 13])
def test_bands_are_chosen_as_those_of_files(channels: int) -> None:
    pixels_NCHW = np.random.default_rng(0).integers(0, 255, (60, channels, 8, 8), np.uint8)
    pairs = [(torch.from_numpy(image), index % 2) for index, image in enumerate(pixels_NCHW)]
    make = lambda: pairs  # noqa: E731 (one of the same key)
    assert Own(make=make, bands=[2, 1, 0]).spec.bands == (2, 1, 0)
    assert Own(make=make, bands=[2]).spec.shown_as == "shown: channel 2"
    with pytest.raises(UserError, match=rf"data.bands=\[{channels}\]: .* from 0 to {channels - 1}"):
        Own(make=make, bands=[channels])
    if channels > 3:
        auto = Own(make=make).spec
        assert auto == Own(make=make, bands="pca").spec
        assert len(auto.bands) == 3 * (channels + 1)


def test_one_in_its_place_alone_is_a_class() -> None:
    data = Own(make=partial(own_sets.Known, known="one hot"))
    assert data.read()["all"].labels_N.tolist() == own_sets.digits()[1].tolist()
    with pytest.raises(UserError, match=r"item 17 of 400 has a label of 4 numbers.*data.labels=multilabel"):
        Own(make=partial(own_sets.Known, known="one hot", fault=True))


def test_labels_may_be_pinned_and_are_checked() -> None:
    data = Own(make=own_sets.Digits, labels="numbers")
    assert data.spec.labels == NUMBERS
    targets_NK = data.read()["all"].targets_NK
    assert targets_NK is not None
    assert targets_NK[:, 0].tolist() == own_sets.digits()[1].tolist()
    with pytest.raises(UserError, match=r"^data.labels=many: expected auto, class, multilabel, numbers.$"):
        Own(make=own_sets.Digits, labels="many")
    with pytest.raises(UserError, match=r"item 17 of 400 has 4 labels. Expected 3, as the training images"):
        Own(make=partial(own_sets.Known, known="flags", fault=True))
    with pytest.raises(UserError, match=r"item 0 of 400 has the label .* and in another draw .* that stays"):
        Own(make=partial(own_sets.Known, known="drawn"))


def test_workers_are_a_number() -> None:
    with pytest.raises(UserError, match=r"data\.workers=-1: expected auto"):
        Own(make=own_sets.Digits, workers=-1)


def test_an_item_that_a_worker_meets_is_told_alike() -> None:
    with pytest.raises(UserError, match=r"^tests.data.own_sets.Broken: item 17 of 400 raised KeyError"):
        Own(make=partial(own_sets.Broken, fault="raise"), workers=1)


def test_names_of_splits() -> None:
    assert by_name({"training": 1, "dev": 2, "Test": 3}, "it") == {"train": 1, "val": 2, "test": 3}
    with pytest.raises(UserError, match="it has test, but no train images"):
        by_name({"test": 1}, "it")


def test_medmnists_layout(tmp_path: Path) -> None:
    own_sets.write_medmnist(tmp_path)
    data = of_line("PathMNIST", f"+data.root={tmp_path}")
    data.setup()
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 60, "val": 12, "test": 15}
    assert data.spec.classes == ("adipose", "background", "debris")
    assert data.spec.image_shape == (3, 28, 28)


@pytest.mark.slow
def test_a_net_learns_from_medmnists_layout(tmp_path: Path) -> None:
    own_sets.write_medmnist(tmp_path)
    line = ("data=own", "packages=[tests]", f"data._target_={SETS}.PathMNIST", f"+data.root={tmp_path}")
    train(compose(*line, "model=dnn", "trainer.max_epochs=8", "data.batch_size=8"), tmp_path / "run")
    assert metrics(tmp_path / "run")["test/accuracy"] > 0.8


MODULE = """
import torch
from lightning.pytorch import LightningDataModule
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    def __init__(self, rows, jitter):
        read = load_digits()
        self.images, self.labels, self.jitter = read.images[rows], read.target[rows], jitter

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = torch.from_numpy(self.images[index] / 16)[None] + self.jitter * torch.rand(1, 8, 8)
        return image.clamp(0, 1), self.labels[index]


class MyModule(LightningDataModule):
    def __init__(self, batch_size):
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage):
        self.sets = Digits(slice(0, 400), 0.1), Digits(slice(400, 500), 0), Digits(slice(500, 800), 0)

    def train_dataloader(self):
        return DataLoader(self.sets[0], self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.sets[1], self.batch_size)

    def test_dataloader(self):
        return DataLoader(self.sets[2], self.batch_size)
"""


@pytest.mark.slow
def test_every_command_works_with_a_run_on_ones_own_data(tmp_path: Path) -> None:
    (tmp_path / "mypkg.py").write_text(MODULE)
    write_photos(tmp_path / "photos", {"3": 2, "5": 2})
    packages, sweep = "packages=[mypkg]", tmp_path / "sweep"
    line = ["data=own", "data._target_=mypkg.MyModule", "model=cnn", "callbacks=none", "trainer.max_epochs=2"]
    done = command("-m", "optimizer.lr=1e-3,1e-2", f"hydra.sweep.dir={sweep}", packages, *line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = f"run={sweep / '0'}"
    for name, *options in (
        ("evaluate", run),
        ("report", run),
        ("embed", run),
        ("units", run),
        ("export", run, "format=state_dict"),
        ("compare", f"runs=[{sweep / '0'},{sweep / '1'}]"),
        ("predict", run, f"images={tmp_path / 'photos'}"),
        ("explain", run, f"images={tmp_path / 'photos'}", "explainer=saliency"),
    ):
        done = command(*options, packages, script=f"scripts/{name}.py", cwd=tmp_path)
        assert done.returncode == 0, (name, done.stderr)
        assert "Warning" not in done.stderr
    refused = command(run, script="scripts/evaluate.py", cwd=tmp_path)
    assert refused.returncode == 2
    assert "packages=[mypkg]" in refused.stderr

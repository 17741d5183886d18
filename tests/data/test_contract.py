"""What every data set promises."""

from __future__ import annotations

import builtins
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from pellucid.data.base import ImageData
from pellucid.data.images import Split
from pellucid.errors import UserError
from pellucid.spec import sides
from tests.data import own_sets
from tests.data.build import CONF, constructor, load, make, read
from tests.data.own_sets import rows
from tests.data.tables import write_photo_table
from tests.data.torchvision_files import WRITERS
from tests.fakes import write_pets, write_photos

NAMES = sorted(path.stem for path in CONF.glob("*.yaml"))
MEMBERS = {  # the YAML, whether the publisher splits off the test images, and their shape
    "digits": ("digits", False, (1, 8, 8)),
    "fashion_mnist": ("fashion_mnist", True, (1, 28, 28)),
    "cifar10": ("cifar10", True, (3, 32, 32)),
    "catdog of a folder": ("catdog", True, (3, 64, 64)),
    "catdog of pets": ("catdog", True, (3, 64, 64)),
    "catdog, drawn": ("catdog", True, (3, 64, 64)),
    "torchvision, arrays": ("torchvision", True, (1, 28, 28)),
    "torchvision, photos": ("torchvision", True, (3, 128, 128)),
    "own, arrays": ("own", False, (1, 8, 8)),
    "own, photos": ("own", False, (3, 128, 128)),
    "huggingface": ("huggingface", True, (1, 8, 8)),
    "table": ("table", False, (3, 128, 128)),
    "image_folder with splits": ("image_folder", True, (3, 128, 128)),
    "image_folder of classes": ("image_folder", False, (3, 128, 128)),
}
ADDED = sorted(set(NAMES) - {name for name, _, _ in MEMBERS.values()})  # one's own
OWN_TEST = [name for name, (_, own_test, _) in MEMBERS.items() if own_test]
BY_FILE = (
    "image_folder",
    "torchvision, photos",
    "own, photos",
    "table",
)  # whose fingerprints are tried in tests of their own
HASHED = [n for n in [*MEMBERS, *ADDED] if not n.startswith(BY_FILE)]
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Member:
    """A way to have a data set."""

    name: str
    own_test: bool | None  # None: not known
    options: dict[str, Any]

    def make(self, **given: Any) -> ImageData:
        return make(self.name, **{**self.options, **given})

    def read(self, **given: Any) -> ImageData:
        return read(self.name, **{**self.options, **given})


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pets")
    write_pets(root, {"trainval": 20, "test": 8})
    return root


@pytest.fixture(scope="session")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mnist")
    WRITERS["MNIST"](root)
    return root


@pytest.fixture(scope="session")
def pet_breeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pet_breeds")
    WRITERS["OxfordIIITPet"](root)
    return root


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import datasets

    root = tmp_path_factory.mktemp("saved")
    of_digits = {"train": rows(0, 300), "test": rows(300, 400)}
    datasets.DatasetDict(of_digits).save_to_disk(str(root))
    return root


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("classes")
    write_photos(root, {"oak": 30, "elm": 20, "yew": 10})
    return root


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photo_table(tmp_path_factory.mktemp("table"), 60)


@pytest.fixture(params=[*MEMBERS, *ADDED])
def member(request: pytest.FixtureRequest, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Member:
    if request.param in ADDED:
        return Member(request.param, None, {"batch_size": 8})
    name, own_test, _ = MEMBERS[request.param]
    monkeypatch.setattr("pellucid.data.catdog.DRAWN", {"train": 14, "test": 6})
    folders = {
        "fashion_mnist": "fashion",
        "cifar10": "cifar10",
        "catdog of a folder": "photos",
        "catdog of pets": "pets",
        "torchvision, arrays": "mnist",
        "torchvision, photos": "pet_breeds",
        "image_folder with splits": "photos",
        "image_folder of classes": "classes",
    }
    options: dict[str, Any] = {"batch_size": 8}
    if name == "table":
        options["path"] = str(request.getfixturevalue("table"))
    if request.param in folders:
        options["root"] = str(request.getfixturevalue(folders[request.param]))
    if name == "torchvision":
        options["name"] = "MNIST" if request.param.endswith("arrays") else "OxfordIIITPet"
    if name == "own":
        options["make"] = own_sets.Digits if request.param.endswith("arrays") else own_sets.Photos
    if name == "huggingface":
        options["path"] = str(request.getfixturevalue("saved"))
    if request.param == "own, photos":
        options["image_size"] = 24
    if name in ("catdog", "image_folder", "table") or request.param == "torchvision, photos":
        options |= {"cache": str(cache), "image_size": 24}
    if request.param == "catdog of pets":
        options["source"] = "pets"
    if request.param == "catdog, drawn":
        options["source"] = "drawn"
    return Member(name, own_test, options)


def test_all_data_sets_are_found() -> None:
    assert {name for name, _, _ in MEMBERS.values()} <= set(NAMES)


@pytest.mark.parametrize("name", ADDED)
def test_one_of_ones_own_is_read_as_its_yaml_says(name: str) -> None:
    try:
        read(name)
    except (UserError, OSError) as error:
        pytest.fail(
            f"conf/data/{name}.yaml alone makes no data set that can be read: {error} If it needs files, "
            "name it in MEMBERS of tests/data/test_contract.py, and write a few fake ones for `member`."
        )


@pytest.mark.parametrize("name", NAMES)
def test_file_folder_and_yaml_have_one_name(name: str) -> None:
    assert load(name)["_target_"].rpartition(".")[0] == f"pellucid.data.{name}"


def test_the_spec_is_known_before_any_file_is_read(member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    if member.name in ("digits", "torchvision", "own", "huggingface", "table"):
        pytest.skip("whose mean or classes stand in the files")
    config = {**load(member.name), "seed": 0, **member.options}
    target = constructor(config.pop("_target_"))

    def touched(*args: Any, **options: Any) -> Any:
        pytest.fail(f"read {args}")

    for module, name in ((builtins, "open"), (io, "open"), (Image, "open"), (torch, "from_file")):
        monkeypatch.setattr(module, name, touched)
    data = target(**config)
    monkeypatch.undo()
    spec = data.spec
    channels = spec.image_shape[0]
    assert len(spec.mean) == len(spec.std) == channels
    assert len(spec.classes) == len(set(spec.classes)) >= 2
    assert spec.statistics
    assert not data.splits


def test_batches_are_what_spec_and_net_expect(member: Member) -> None:
    data = member.read()
    loaders = (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
    for loader in loaders:
        for images_BCHW, labels_B in loader:
            assert images_BCHW.dtype == torch.float32
            assert images_BCHW.shape == (len(labels_B), *data.spec.image_shape)
            assert images_BCHW.is_contiguous()
            assert labels_B.dtype == torch.int64
            assert set(labels_B.tolist()) <= set(range(len(data.spec.classes)))
            assert 1 <= len(labels_B) <= 9


@pytest.mark.parametrize("part", PARTS)
def test_every_class_is_in_every_split(member: Member, part: str) -> None:
    data = member.read()
    assert set(data.splits[part].labels_N.tolist()) == set(range(len(data.spec.classes)))


@pytest.mark.parametrize(
    ("member", "shape"),
    [(way, shape) for way, (_, _, shape) in MEMBERS.items()],
    indirect=["member"],
    ids=list(MEMBERS),
)
def test_left_open_the_size_is_the_data_sets_own(member: Member, shape: tuple[int, int, int]) -> None:
    assert member.make(image_size="auto").spec.image_shape == shape


@pytest.mark.parametrize("size", [20, [16, 24]])
def test_an_image_size_is_kept_to(member: Member, size: int | list[int]) -> None:
    data = member.read(image_size=size, augment="crop_flip")
    shape = (data.spec.image_shape[0], *sides(size))
    assert data.spec.image_shape == shape
    images_BCHW, _ = next(iter(data.train_dataloader()))
    assert images_BCHW.shape[1:] == shape


def test_a_net_may_enlarge_the_images_before_they_are_read(member: Member) -> None:
    data = member.make(image_size="auto")
    data.conform(data.spec.at_size(33))
    data.setup()
    images_BCHW, _ = next(iter(data.val_dataloader()))
    assert images_BCHW.shape[1:] == data.spec.image_shape == (data.spec.image_shape[0], 33, 33)


def test_normalised_images_go_back_to_their_pixels(member: Member) -> None:
    data = member.read()
    split = data.splits["val"]
    pixels = split.images(torch.arange(len(split)))
    assert pixels.dtype == torch.uint8
    images = torch.cat([images for images, _ in data.val_dataloader()])
    back = (data.spec.denormalise(images) * 255).round().to(torch.uint8)
    assert torch.equal(back, pixels)


def test_images_are_normalised_to_about_zero_and_one(member: Member) -> None:
    data = member.read()
    images = torch.cat([images for images, _ in data.test_dataloader()])
    assert abs(float(images.mean())) < 1.5
    assert 0.3 < float(images.std()) < 1.5


def test_no_image_is_in_two_splits(member: Member) -> None:
    data = member.read()
    files = [file for part in PARTS for file in data.splits[part].files]
    assert len(set(files)) == len(files) == sum(len(data.splits[part]) for part in PARTS)


@pytest.mark.parametrize("member", OWN_TEST, indirect=True)
def test_validation_is_taken_from_training_images(member: Member) -> None:
    one, other = member.read(seed=1), member.read(seed=2)
    assert list(one.splits["test"].files) == list(other.splits["test"].files)
    for data in (one, other):
        taken = {*data.splits["train"].files, *data.splits["val"].files}
        assert not taken & set(data.splits["test"].files)
    together = [{*d.splits["train"].files, *d.splits["val"].files} for d in (one, other)]
    assert together[0] == together[1]


def test_validation_is_stratified(member: Member) -> None:
    data = member.read()
    fraction = load(member.name).get("val_fraction")
    if fraction is None:
        pytest.skip("it has another way to choose them")
    train, val, test = (Counter(data.splits[part].labels_N.tolist()) for part in PARTS)
    own_test = member.read(seed=1).splits["test"].files == data.splits["test"].files
    assert member.own_test in (own_test, None)
    for label in val:
        whole = train[label] + val[label] + (0 if own_test else test[label])
        assert val[label] == max(1, round(fraction * whole))


def test_the_seed_draws_the_splits(member: Member) -> None:
    one, again, other = member.read(seed=1), member.read(seed=1), member.read(seed=2)
    for part in PARTS:
        assert one.splits[part].files == again.splits[part].files
        assert torch.equal(one.splits[part].labels_N, again.splits[part].labels_N)
    assert one.splits["val"].files != other.splits["val"].files
    assert len(one.splits["val"]) == len(other.splits["val"])


def test_labels_and_pixels_stay_with_their_names(member: Member) -> None:
    def known(data: ImageData) -> dict[str, int]:
        """A number for each name, made from its label and its pixels."""
        found: dict[str, int] = {}
        for split in data.splits.values():
            pixels = split.images(torch.arange(len(split))).flatten(1).long()
            sums = (pixels * torch.arange(pixels.shape[1])).sum(1) * 100 + split.labels_N
            found |= dict(zip(split.files, sums.tolist(), strict=True))
        return found

    assert known(member.read(seed=1)) == known(member.read(seed=2))


def test_the_fingerprint_is_that_of_the_data(member: Member) -> None:
    assert member.read().fingerprint() == member.read(batch_size=5, augment="none").fingerprint()


def change_pixel(split: Split) -> None:
    """One in the middle of the first image, or back again."""
    row, store = int(split.rows_N[0]), split.store
    if isinstance(store, Tensor):
        store[row, 0, 3, 3] ^= 1
    else:
        height, width = store.sizes_M2[row].tolist()
        store.pixels_P[int(store.starts_M[row]) + 3 * (height // 2 * width + width // 2)] ^= 1


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("member", HASHED, indirect=True)
def test_one_pixel_or_one_label_changes_the_fingerprint(member: Member, part: str) -> None:
    data = member.read()
    split = data.splits[part]
    before = data.fingerprint()
    change_pixel(split)
    pixel = data.fingerprint()
    change_pixel(split)
    split.labels_N[0] += 1
    label = data.fingerprint()
    split.labels_N[0] -= 1
    assert len({before, pixel, label}) == 3
    assert data.fingerprint() == before


def test_data_are_read_once(member: Member) -> None:
    data = member.read()
    train = data.splits["train"]
    data.setup("test")
    assert data.splits["train"] is train


def test_the_source_is_told(member: Member) -> None:
    data = member.read()
    assert data.source
    assert data.left_out == 0


def test_validation_and_test_come_in_the_order_of_the_files(member: Member) -> None:
    data = member.read(augment="none")
    for part, loader in (("val", data.val_dataloader()), ("test", data.test_dataloader())):
        labels_N = torch.cat([labels_B for _, labels_B in loader])
        assert torch.equal(labels_N, data.splits[part].labels_N)


def test_training_is_shuffled_for_each_epoch(member: Member) -> None:
    train = member.read().train_dataloader()
    first = torch.cat(list(train.sampler))
    train.sampler.set_epoch(1)
    assert not torch.equal(torch.cat(list(train.sampler)), first)


def test_only_training_is_augmented(member: Member) -> None:
    plain, augmented = member.read(augment="none"), member.read(augment="crop_flip")
    for name, changed in (("train", True), ("val", False), ("test", False)):
        batches = [getattr(data, f"{name}_dataloader")() for data in (plain, augmented)]
        one, other = (next(iter(batch))[0] for batch in batches)
        assert torch.equal(one, other) is not changed


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"image_size": 0}, r"data\.image_size=0: expected 1 to 4096"),
        ({"image_size": [5, 0]}, r"data\.image_size=\[5, 0\]: expected 1 to 4096"),
        ({"image_size": [5]}, r"data\.image_size=\[5\]: expected 1 to 4096"),
        ({"image_size": 5000}, r"data\.image_size=5000: expected 1 to 4096"),
        ({"image_size": "large"}, r"data\.image_size=large: expected 1 to 4096"),
        ({"batch_size": 0}, r"data\.batch_size=0: expected at least 1"),
        ({"augment": "spin"}, r"data\.augment=spin: expected one of none"),
    ],
)
def test_a_mistaken_option_is_told_at_once(member: Member, given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        member.make(**given)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1])
def test_a_mistaken_fraction_is_told(member: Member, fraction: float) -> None:
    if "val_fraction" not in load(member.name):
        pytest.skip("it has none")
    with pytest.raises(UserError, match=r"data\.val_fraction=.*: expected more than 0 and less than 1"):
        member.read(val_fraction=fraction)


def test_images_are_kept_on_the_device_where_there_is_room(member: Member) -> None:
    data, meta = member.read(), torch.device("meta")
    split = data.splits["train"]
    assert data._near(split, meta) is split, "not unless asked for"
    data.setup(device_images=split.store.nbytes / 2**30)
    near = data._near(split, meta)
    assert near.store.device == meta
    assert torch.equal(near.labels_N, split.labels_N)
    assert data._near(split, meta).store is near.store, "copied once"
    assert data._near(split, torch.device("cpu")) is split
    data.setup(device_images=(split.store.nbytes - 1) / 2**30)
    assert data._near(split, meta) is split

"""torchvision's data sets of images with one class each: which there are, and how each keeps its images.

Axes: N images, H × W pixels, C channels.
"""

from __future__ import annotations

import inspect
import operator
import re
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision import datasets

from pellucid.errors import UserError, did_you_mean, first_line

AUTO_SIZE = 128  # of images of several sizes
SAMPLED = 32  # images looked at for a common size
CHUNK = 1024  # images
NO_LABEL = -1
GIVEN = {  # arguments that are no options: what is ours to say
    *("root", "train", "download", "loader", "transform", "transforms", "target_transform"),
    *("is_valid_file", "allow_empty"),
}
PARTS = {  # by what torchvision's data sets call them, the first that is there
    "train": ("train", "train-standard", "trainval", "2021_train"),
    "val": ("val", "valid", "2021_valid"),
    "test": ("test",),
}


@dataclass(frozen=True)
class Content:
    """The images of a data set, as ``files`` or as ``pixels_NCHW`` uint8, each with its label.

    ``labels_N`` are int64, -1 where there is none; ``names`` those of the labels from 0 on, as far as there
    are any: texts, or tuples of words for the same.
    """

    labels_N: Tensor
    names: Sequence[Any]
    files: Sequence[Path] = ()
    pixels_NCHW: Tensor | None = None

    def subset(self, index_M: Tensor, labels_M: Tensor) -> Content:
        """Those of the images, under other labels."""
        return replace(
            self,
            labels_N=labels_M,
            files=[self.files[index] for index in index_M.tolist()] if self.files else (),
            pixels_NCHW=None if self.pixels_NCHW is None else self.pixels_NCHW[index_M],
        )

    def relabelled(self, label_of_K: Tensor) -> Content:
        """Each label as another; images without one, and those whose other is -1, are left out."""
        labels_N = torch.full_like(self.labels_N, NO_LABEL)
        known_N = (self.labels_N >= 0) & (self.labels_N < len(label_of_K))
        labels_N[known_N] = label_of_K[self.labels_N[known_N]]
        if (labels_N >= 0).all():
            return replace(self, labels_N=labels_N)
        index_M = torch.nonzero(labels_N >= 0)[:, 0]
        return self.subset(index_M, labels_N[index_M])


@dataclass(frozen=True)
class Layout:
    """How a data set keeps its images: its files below ``data.root``, and what reads them once it is made.

    ``argument`` names the one that chooses a split, ``whole`` the value that stands for all images where
    the data set's own splits have other classes each.
    """

    files: str
    read: Callable[[Any], Content]
    argument: str = "split"
    whole: str = ""


def find_set(name: str) -> type:
    """The class of torchvision with that name. Raises UserError for one without classes, and for none."""
    reason = next((reason for reason, names in REFUSED.items() if name in names), None)
    if reason:
        raise UserError(
            f"data.name={name}: {reason}. Expected a data set that gives one class an image: "
            f"{', '.join(sorted(LAYOUTS))}."
        )
    known = {key: value for key, value in vars(datasets).items() if inspect.isclass(value)}
    if name in known:
        found: type = known[name]
        return found
    hint = did_you_mean(name, known)
    raise UserError(
        f"data.name={name}: torchvision has no such data set.{hint} There are {', '.join(sorted(LAYOUTS))}."
    )


def layout_of(name: str) -> Layout:
    """How that data set keeps its images; of one that is newer than this, through ``dataset[i]``."""
    return LAYOUTS.get(name) or Layout("as torchvision's documentation says", read_items)


def read_set(dataset: Any) -> Content:
    """The images and labels of a data set that torchvision has made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow about how torchvision calls it
        try:
            return layout_of(type(dataset).__name__).read(dataset)
        except AttributeError:  # of a version that keeps them by other names
            return read_items(dataset)


def parts_of(cls: type, split: str | None, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The arguments that give each split that the data set has: ``train`` at least, or ``all``.

    ``split``: the one that is asked for. Raises UserError where the class does not take these.
    """
    name, layout = cls.__name__, layout_of(cls.__name__)
    takes = parameters(cls)
    _check_options(name, {*takes} - GIVEN - {layout.argument}, options)
    values = _values(cls, layout.argument) if layout.argument in takes else []
    if split is not None and split not in values:
        expected = f"expected one of {', '.join(values)}" if values else "it has no splits to choose from"
        raise UserError(f"data.split={split}: of {name} {expected}.{did_you_mean(split, values)}")
    if name == "EMNIST":  # whose splits are others for each choice of classes
        if split is None:
            raise UserError(
                f"data.split: {name} has several sets of classes. Choose one: {', '.join(values)}."
            )
        chosen = {layout.argument: split, **options}
        return {part: {**chosen, "train": part == "train"} for part in ("train", "test")}
    if "train" in takes and layout.argument not in takes:
        return {part: {**options, "train": part == "train"} for part in ("train", "test")}
    if split is None and layout.whole:
        split = layout.whole
    if split is not None:
        return {"all": {**options, layout.argument: split}}
    own = {part: next((n for n in names if n in values), None) for part, names in PARTS.items()}
    parts = {part: {**options, layout.argument: value} for part, value in own.items() if value}
    return parts if "train" in parts else {"all": dict(options)}


def _check_options(name: str, takes: Iterable[str], options: Mapping[str, Any]) -> None:
    for key in options:
        if key not in takes:
            listed = ", ".join(sorted(takes)) or "none"
            hint = did_you_mean(key, takes)
            raise UserError(f"data.options.{key}: {name} takes no such argument.{hint} It takes: {listed}.")


def parameters(cls: type) -> dict[str, inspect.Parameter]:
    """The named parameters of a class, also those by ``**kwargs``, which its bases take."""
    found: dict[str, inspect.Parameter] = {}
    for maker in (vars(base)["__init__"] for base in cls.__mro__ if "__init__" in vars(base)):
        own = inspect.signature(maker).parameters
        found = {n: p for n, p in own.items() if p.kind is not p.VAR_KEYWORD and n != "self"} | found
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in own.values()):
            break
    return found


def _values(cls: type, argument: str) -> list[str]:
    """What a split may be called, which torchvision says where it is called otherwise."""
    with tempfile.TemporaryDirectory() as empty:
        try:
            cls(root=empty, **{argument: "?"})
        except ValueError as error:
            return re.findall(r"'([^']+)'", str(error).partition("Valid values are ")[2])
        except RuntimeError as error:
            check_packages(cls.__name__, error)
    return []


def check_packages(name: str, error: Exception) -> None:
    """Raise UserError where that is torchvision's error for a package that is missing."""
    if isinstance(error, ImportError) or isinstance(error.__context__, ImportError):
        raise UserError(f"data.name={name}: {first_line(error).rstrip('.')}.") from error


def distinct(names: Sequence[Any], count: int) -> list[str]:
    """A name for each of ``count`` labels, no two alike: the first word for it, or all of them; its number
    where there is none.
    """
    words = [name if isinstance(name, tuple) else (str(name),) for name in names[:count]]
    words += [(str(label),) for label in range(len(words), count)]
    firsts = [word[0] for word in words]
    texts = [word[0] if firsts.count(word[0]) == 1 else ", ".join(word) for word in words]
    return [text if texts.count(text) == 1 else f"{text} ({label})" for label, text in enumerate(texts)]


def common_size(files: Sequence[Path]) -> int:
    """The side of images that are square and equal, as some of the files are; 128 for all others, at most."""
    sizes = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metadata, and of sizes: told where it is decoded
        for file in files[:: max(1, len(files) // SAMPLED)][:SAMPLED]:
            bad = suppress(OSError, ValueError, SyntaxError, Image.DecompressionBombError)
            with bad, Image.open(file) as image:
                sizes.add(image.size)
    return _side(sizes)


def _side(sizes: set[tuple[int, int]], largest: int = AUTO_SIZE) -> int:
    width, height = next(iter(sizes)) if len(sizes) == 1 else (0, 1)
    return width if width == height <= largest else AUTO_SIZE


# --- how they are read -----------------------------------------------------------------------


def _labels(values: Iterable[Any]) -> Tensor:
    return torch.tensor([NO_LABEL if value is None else int(value) for value in values], dtype=torch.int64)


def _names(dataset: Any) -> Sequence[Any]:
    """The names of the classes, by any of the words that torchvision has for them."""
    for word in ("classes", "categories", "bin_classes"):
        if names := getattr(dataset, word, None):
            return list(names)
    numbers: Mapping[str, int] = getattr(dataset, "class_to_idx", {})
    return sorted(numbers, key=lambda name: numbers[name])


def _of_pixels(dataset: Any, pixels: Any, labels: Any) -> Content:
    """Of an array (N, H, W), (N, C, H, W) or (N, H, W, C)."""
    pixels_NCHW = torch.as_tensor(pixels)
    if pixels_NCHW.ndim == 3:
        pixels_NCHW = pixels_NCHW[:, None]
    elif pixels_NCHW.shape[1] != 3:
        pixels_NCHW = pixels_NCHW.permute(0, 3, 1, 2)
    return Content(_labels(labels), _names(dataset), pixels_NCHW=pixels_NCHW.contiguous())


def _arrays(labels: str) -> Callable[[Any], Content]:
    def read(dataset: Any) -> Content:
        values = getattr(dataset, labels)
        return _of_pixels(dataset, dataset.data, values.tolist() if hasattr(values, "tolist") else values)

    return read


def _emnist(dataset: Any) -> Content:
    """Upright: the publisher's files hold rows as columns."""
    return _of_pixels(dataset, dataset.data.mT, dataset.targets.tolist())


def _qmnist(dataset: Any) -> Content:
    return _of_pixels(dataset, dataset.data, dataset.targets[:, 0].tolist())  # writer and so on beside


def _fer2013(dataset: Any) -> Content:
    pixels, labels = zip(*dataset._samples, strict=True)
    return _of_pixels(dataset, torch.stack(pixels), labels)


def _pcam(dataset: Any) -> Content:
    """A part at a time: it has 7 GiB of training images."""
    files = dataset._FILES[dataset._split]
    with dataset.h5py.File(dataset._base_folder / files["targets"][0]) as file:
        labels = file["y"][:].reshape(-1).tolist()
    with dataset.h5py.File(dataset._base_folder / files["images"][0]) as file:
        count, height, width, channels = file["x"].shape
        pixels_NCHW = torch.empty(count, channels, height, width, dtype=torch.uint8)
        for begin in range(0, count, CHUNK):
            part = torch.from_numpy(file["x"][begin : begin + CHUNK])
            pixels_NCHW[begin : begin + CHUNK] = part.permute(0, 3, 1, 2)
    return Content(_labels(labels), _names(dataset), pixels_NCHW=pixels_NCHW)


def _pairs(attribute: str) -> Callable[[Any], Content]:
    """Of a list of pairs, file and label."""

    def read(dataset: Any) -> Content:
        files, labels = zip(*getattr(dataset, attribute), strict=True)
        return Content(_labels(labels), _names(dataset), [Path(file) for file in files])

    return read


def _lists(files: str = "_image_files", labels: str = "_labels") -> Callable[[Any], Content]:
    """Of a list of files and one of labels."""

    def read(dataset: Any) -> Content:
        paths = [Path(file) for file in getattr(dataset, files)]
        return Content(_labels(getattr(dataset, labels)), _names(dataset), paths)

    return read


def _pets(dataset: Any) -> Content:
    kinds = {
        "category": ("_labels", dataset.classes),
        "binary-category": ("_bin_labels", dataset.bin_classes),
    }
    kind = dataset._target_types[0] if len(dataset._target_types) == 1 else ""
    if kind not in kinds:
        raise UserError("data.options.target_types: expected category or binary-category, which are classes.")
    labels, names = kinds[kind]
    return replace(_lists("_images", labels)(dataset), names=names)


def _caltech(folder: str, file: str) -> Callable[[Any], Content]:
    def read(dataset: Any) -> Content:
        root, names = Path(dataset.root, folder), dataset.categories
        files = [
            root / names[label] / file.format(label=label + 1, index=index)
            for label, index in zip(dataset.y, dataset.index, strict=True)
        ]
        return Content(_labels(dataset.y), names, files)

    return read


def _caltech101(dataset: Any) -> Content:
    if dataset.target_type != ["category"]:
        raise UserError("data.options.target_type: expected category, which is the class.")
    return _caltech("101_ObjectCategories", "image_{index:04d}.jpg")(dataset)


def _inaturalist(dataset: Any) -> Content:
    if len(dataset.target_type) != 1:
        raise UserError(f"data.options.target_type: expected one kind of class, got {dataset.target_type}.")
    kind = dataset.target_type[0]
    rows = sorted(
        (Path(dataset.root, dataset.all_categories[number], file), number) for number, file in dataset.index
    )
    files, numbers = zip(*rows, strict=True)
    if kind == "full":
        return Content(_labels(numbers), dataset.all_categories, files)
    labels = [dataset.categories_map[number][kind] for number in numbers]
    return Content(_labels(labels), list(dataset.categories_index[kind]), files)


def _omniglot(dataset: Any) -> Content:
    """In an order of its own: torchvision's is that of the disk."""
    names, rows = sorted(dataset._characters), []
    for name, images in zip(dataset._characters, dataset._character_images, strict=True):
        rows += [(Path(dataset.target_folder, name, file), names.index(name)) for file, _ in images]
    files, labels = zip(*sorted(rows), strict=True)
    return Content(_labels(labels), names, files)


def _sun397(dataset: Any) -> Content:
    content = _lists()(dataset)
    order = sorted(range(len(content.files)), key=lambda index: content.files[index])
    return replace(content, labels_N=content.labels_N[order], files=[content.files[i] for i in order])


def read_items(dataset: Any) -> Content:
    """Through ``dataset[i]``, an image and its class. Raises UserError for anything else.

    Images of several sizes are cropped to squares of 128 pixels.
    """
    count, sizes = len(dataset), set()
    for index in range(0, count, max(1, count // SAMPLED)):
        item = dataset[index]
        image, target = item if isinstance(item, tuple) and len(item) == 2 else (item, "")
        if not (isinstance(image, Image.Image) and _is_label(target)):
            raise UserError(
                f"data.name={type(dataset).__name__}: expected an image and the number of its class, got "
                f"{type(image).__name__} and {type(target).__name__}."
            )
        sizes.add(image.size)
    mode = "L" if image.mode in ("1", "L") else "RGB"
    side = _side(sizes, largest=max(max(size) for size in sizes))
    pixels_NCHW = torch.empty(count, 1 if mode == "L" else 3, side, side, dtype=torch.uint8)
    labels = []
    for index in range(count):
        image, target = dataset[index]
        labels.append(target)
        fitted = ImageOps.fit(image.convert(mode), (side, side), Image.Resampling.BILINEAR)
        pixels_HWC = torch.from_numpy(np.array(fitted)).view(side, side, -1)
        pixels_NCHW[index] = pixels_HWC.permute(2, 0, 1)
    return Content(_labels(labels), _names(dataset), pixels_NCHW=pixels_NCHW)


def _is_label(target: Any) -> bool:
    try:
        return target is None or operator.index(target) >= 0
    except TypeError:
        return False


_IDX = "raw/{train,t10k}-{images-idx3,labels-idx1}-ubyte"
LAYOUTS = {
    "CIFAR10": Layout("cifar-10-batches-py/{data_batch_1 … 5,test_batch,batches.meta}", _arrays("targets")),
    "CIFAR100": Layout("cifar-100-python/{train,test,meta}", _arrays("targets")),
    "CLEVRClassification": Layout("clevr/CLEVR_v1.0/{images,scenes}", _lists()),
    "Caltech101": Layout("caltech101/101_ObjectCategories/<class>/*.jpg", _caltech101),
    "Caltech256": Layout(
        "caltech256/256_ObjectCategories/<class>/*.jpg",
        _caltech("256_ObjectCategories", "{label:03d}_{index:04d}.jpg"),
    ),
    "Country211": Layout("country211/{train,valid,test}/<class>/*", _pairs("samples")),
    "DTD": Layout("dtd/dtd/{images,labels}", _lists()),
    "EMNIST": Layout("EMNIST/raw/emnist-<split>-{train,test}-{images-idx3,labels-idx1}-ubyte", _emnist),
    "EuroSAT": Layout("eurosat/2750/<class>/*.jpg", _pairs("samples")),
    "FER2013": Layout("fer2013/{fer2013.csv or icml_face_data.csv or train.csv and test.csv}", _fer2013),
    "FGVCAircraft": Layout("fgvc-aircraft-2013b/data/{images,*.txt}", _lists()),
    "FakeData": Layout("none: it is drawn at random", read_items),
    "FashionMNIST": Layout(f"FashionMNIST/{_IDX}", _arrays("targets")),
    "Flowers102": Layout("flowers-102/{jpg/*.jpg,imagelabels.mat,setid.mat}", _lists()),
    "Food101": Layout("food-101/{images,meta}", _lists()),
    "GTSRB": Layout("gtsrb/{GTSRB/{Training,Final_Test/Images},GT-final_test.csv}", _pairs("_samples")),
    "INaturalist": Layout("<version>/<class>/*.jpg", _inaturalist, argument="version"),
    "ImageNet": Layout(
        "{ILSVRC2012_devkit_t12.tar.gz,ILSVRC2012_img_train.tar,ILSVRC2012_img_val.tar}, or what torchvision "
        "made of them: {meta.bin,train/<class>/*,val/<class>/*}",
        _pairs("samples"),
    ),
    "Imagenette": Layout("{imagenette2,imagenette2-320,imagenette2-160}/{train,val}", _pairs("_samples")),
    "KMNIST": Layout(f"KMNIST/{_IDX}", _arrays("targets")),
    "LFWPeople": Layout(
        "lfw-py/{lfw-funneled.tgz,lfw_funneled/<name>/*.jpg,people.txt,lfw-names.txt}",
        _lists("data", "targets"),
        whole="10fold",
    ),
    "MNIST": Layout(f"MNIST/{_IDX}", _arrays("targets")),
    "Omniglot": Layout("omniglot-py/{images_background.zip,images_background/…}", _omniglot),
    "OxfordIIITPet": Layout("oxford-iiit-pet/{images/*.jpg,annotations/{trainval,test}.txt}", _pets),
    "PCAM": Layout("pcam/camelyonpatch_level_2_split_{train,valid,test}_{x,y}.h5", _pcam),
    "Places365": Layout(
        "{categories_places365.txt,places365_{train_standard,val,test}.txt,data_large_standard,val_large,"
        "test_large}",
        _pairs("imgs"),
    ),
    "QMNIST": Layout(
        "QMNIST/raw/qmnist-{train,test}-{images-idx3-ubyte,labels-idx2-int}", _qmnist, argument="what"
    ),
    "RenderedSST2": Layout("rendered-sst2/{train,valid,test}/{negative,positive}/*.png", _pairs("_samples")),
    "SEMEION": Layout("semeion.data", _arrays("labels")),
    "STL10": Layout("stl10_binary/{train,test}_{X,y}.bin and unlabeled_X.bin", _arrays("labels")),
    "SUN397": Layout("SUN397/{ClassName.txt,<letter>/<class>/sun_*.jpg}", _sun397),
    "SVHN": Layout("{train,test}_32x32.mat", _arrays("labels")),
    "StanfordCars": Layout(
        "stanford_cars/{devkit/{cars_meta,cars_train_annos}.mat,cars_test_annos_withlabels.mat,cars_train,"
        "cars_test}",
        _pairs("_samples"),
    ),
    "USPS": Layout("{usps.bz2,usps.t.bz2}", _arrays("targets")),
}
REFUSED = {
    "its images have forty attributes and no class": ("CelebA",),
    "its images have captions and no class": ("CocoCaptions", "Flickr30k", "Flickr8k", "SBU"),
    "its images have boxes around several objects": (
        *("CocoDetection", "Kitti", "VOCDetection", "WIDERFace"),
    ),
    "each pixel has a class, not the image": ("Cityscapes", "SBDataset", "VOCSegmentation"),
    "they are videos": ("HMDB51", "Kinetics", "MovingMNIST", "UCF101"),
    "they are pairs of images": (
        *("CREStereo", "CarlaStereo", "ETH3DStereo", "FallingThingsStereo", "FlyingChairs", "FlyingThings3D"),
        *("HD1K", "InStereo2k", "Kitti2012Stereo", "Kitti2015Stereo", "KittiFlow", "LFWPairs"),
        *("Middlebury2014Stereo", "PhotoTour", "SceneFlowStereo", "Sintel", "SintelStereo"),
    ),
    "its images lie in LMDB databases": ("LSUN", "LSUNClass"),
    "it reads any folder, as data=image_folder does": ("DatasetFolder", "ImageFolder", "VisionDataset"),
}

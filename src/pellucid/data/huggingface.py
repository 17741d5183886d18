"""Data sets of Hugging Face: a folder on the disk, or by name from the hub."""

from __future__ import annotations

import importlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pellucid.data.item_data import ItemData
from pellucid.data.items import Keys
from pellucid.data.own import by_name
from pellucid.discovery.batch import IMAGE_KEYS, LABEL_KEYS
from pellucid.errors import UserError, did_you_mean, first_line

log = logging.getLogger(__name__)

SAVED = ("dataset_dict.json", "state.json")  # what save_to_disk leaves beside the images
MAX_LISTED = 12  # columns
HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
SECONDS = 5  # that the hub may take to answer at all


class HuggingFace(ItemData):
    """A data set that the library ``datasets`` reads: ``path``, a folder of parquet files, of images in
    folders or what ``save_to_disk`` wrote; or ``name``, with its ``config``, from the hub or its cache.

    The columns ``image`` and ``label`` are those of the types Image, or else an array, and ClassLabel, or
    with a usual name. A list of classes for each image is several labels. Its own splits are taken;
    ``split``: all is taken from that one. Raises UserError.
    """

    def __init__(
        self,
        *,
        path: str | None = None,
        name: str | None = None,
        config: str | None = None,
        revision: str | None = None,
        split: str | None = None,
        image: str | None = None,
        label: str | None = None,
        **given: Any,
    ) -> None:
        if (path is None) == (name is None):
            raise UserError(
                "data=huggingface: expected a folder, data.path=<folder>, or the name of a data set of the "
                f"hub, data.name=<owner>/<name>; got {'both' if path else 'neither'}."
            )
        self.path = None if path is None else Path(path).expanduser()
        self.name, self.config, self.revision, self.split_name = name, config, revision, split
        self.image, self.label = image, label
        self.label_names: Sequence[str] = ()
        deciding = [str(self.path and self.path.resolve()), name, config, revision, split, image, label]
        super().__init__(
            title=f"{self.path or name}",
            key=json.dumps(["huggingface", *deciding]),
            keys=Keys(image, label),
            **given,
        )

    def open(self) -> dict[str, Any]:
        library = _library()
        with _quiet(library):
            found = self._load(library)
        sets = dict(found) if isinstance(found, Mapping) else {"all": found}
        if self.split_name is not None:
            if self.split_name not in sets:
                hint = did_you_mean(self.split_name, sets)
                raise UserError(f"data.split={self.split_name}: {self.title} has {', '.join(sets)}.{hint}")
            sets = {"all": sets[self.split_name]}
        elif len(sets) == 1:  # which is called train, whatever it holds
            sets = {"all": next(iter(sets.values()))}
        first = next(iter(sets.values()))
        columns = self._columns(first.features)
        self.keys = Keys(*columns)
        feature = first.features[columns[1]]
        self.label_names = getattr(_in_list(feature), "names", None) or getattr(feature, "names", None) or ()
        opened = sets if "all" in sets else self._by_name(sets)
        labelled = {part: self._labelled(part, dataset, columns) for part, dataset in opened.items()}
        return {part: rows for part, rows in labelled.items() if rows is not None}

    def names(self, dataset: Any) -> Sequence[Any]:
        return self.label_names

    def listed(self, dataset: Any) -> list[Any]:
        return _cells(dataset, str(self.keys.label))

    def _by_name(self, sets: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return by_name(sets, self.title)
        except UserError as error:
            raise UserError(f"{error} Choose one that all is taken from: data.split=<name>.") from error

    def _labelled(self, part: str, dataset: Any, columns: tuple[str, str]) -> Any:
        """The two columns of a split; None where it is no train and its labels are all -1 or missing."""
        image, label = columns
        rows = dataset.with_format(None).select_columns([image, label])
        if _is_array(dataset.features[image]):
            rows = rows.with_format("numpy", columns=[image], output_all_columns=True)
        else:
            rows = rows.cast_column(image, _library().Image())
        if part in ("val", "test") and all(cell in (None, -1, []) for cell in _cells(rows, label)):
            log.info("The %s images of %s have no labels: some of others stand in.", part, self.title)
            return None
        names = getattr(_in_list(dataset.features[label]), "names", None)
        return rows if names is None else _Flags(rows, label, len(names))

    def _load(self, library: Any) -> Any:
        try:
            if self.path is None:
                with _offline_without_network(library, str(self.name)):
                    return library.load_dataset(self.name, self.config, revision=self.revision)
            if not self.path.is_dir():
                raise UserError(f"data.path={self.path}: there is no such folder.")
            if any((self.path / name).is_file() for name in SAVED):
                return library.load_from_disk(str(self.path))
            return library.load_dataset(str(self.path.resolve()), self.config)
        except UserError:
            raise
        except Exception as error:  # what it and its readers raise for files of any kind
            option = f"data.path={self.path}" if self.path else f"data.name={self.name}"
            hint = (
                "Expected parquet files, images in a folder for each class, or what save_to_disk wrote."
                if self.path
                else "Without a network put its files into a folder: data.path=<folder>."
            )
            cause = error.__cause__ or error
            raise UserError(
                f"{option} cannot be read ({type(error).__name__}: {first_line(cause).rstrip('.')}). {hint}"
            ) from error

    def _columns(self, features: Mapping[str, Any]) -> tuple[str, str]:
        """The columns of image and label. Raises UserError where none, or several, may be meant."""
        given = {"image": self.image, "label": self.label}
        for what, name in given.items():
            if name is not None and name not in features:
                hint = did_you_mean(name, features)
                raise UserError(
                    f"data.{what}={name}: {self.title} has no such column.{hint} It has {_listed(features)}."
                )
        is_image = _is_image if any(map(_is_image, features.values())) else _is_array
        image = self.image or self._column("image", features, is_image, IMAGE_KEYS)
        return image, self.label or self._column("label", features, _is_class, LABEL_KEYS)

    def _column(
        self,
        what: str,
        features: Mapping[str, Any],
        is_kind: Callable[[Any], bool],
        usual: tuple[str, ...],
    ) -> str:
        of_kind = [name for name, feature in features.items() if is_kind(feature)]
        named = [name for name in usual if name in (of_kind or features)]
        if len(of_kind) == 1 or named:
            return of_kind[0] if len(of_kind) == 1 else named[0]
        several = f"several {what} columns, {', '.join(of_kind)}" if of_kind else f"no {what} column"
        raise UserError(
            f"{self.title} has {several}. It has {_listed(features)}: data.{what}=<column> chooses one."
        )


class _Flags:
    """The rows of a data set whose label is a list of classes: 0 or 1 for each of them, (K,)."""

    def __init__(self, rows: Any, label: str, count: int) -> None:
        self.rows, self.label, self.count = rows, label, count

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        if row[self.label] is None:
            raise ValueError(f"{self.label} is missing; an image without labels has an empty list")
        return {**row, self.label: [int(k in row[self.label]) for k in range(self.count)]}


def _cells(dataset: Any, label: str) -> list[Any]:
    """The labels alone, without decoding an image."""
    return list(dataset.select_columns([label])[:][label])


def _in_list(feature: Any) -> Any:
    """What a column of lists holds; None for another."""
    return getattr(feature, "feature", None)


def _is_image(feature: Any) -> bool:
    """Of the type Image, or the bytes of one as files say it that were written by others."""
    return type(feature).__name__ == "Image" or (isinstance(feature, Mapping) and "bytes" in feature)


def _is_array(feature: Any) -> bool:
    return type(feature).__name__ in ("Array2D", "Array3D")


def _is_class(feature: Any) -> bool:
    return "ClassLabel" in (type(feature).__name__, type(_in_list(feature)).__name__)


def _library() -> Any:
    """The module ``datasets``. Raises UserError where it is not installed."""
    try:
        return importlib.import_module("datasets")
    except ImportError as error:
        raise UserError(
            f"data=huggingface needs the package datasets ({first_line(error)}): "
            "pip install 'pellucid[huggingface]'."
        ) from error


@contextmanager
def _offline_without_network(library: Any, name: str) -> Iterator[None]:
    """Where the hub does not answer, what the library has in its cache is taken, and else told at once: its
    own retries take half a minute.
    """
    hub = importlib.import_module("huggingface_hub")
    of_hub = HUB_NAME.fullmatch(name) and not Path(name).exists()  # the library looks for others on the disk
    reason = _unreachable(hub) if of_hub and not hub.constants.HF_HUB_OFFLINE else ""
    if not reason:
        yield
        return
    log.warning(
        "The hub at %s does not answer (%s): %s is looked for in the cache of the library datasets.",
        hub.constants.ENDPOINT,
        reason,
        name,
    )
    places = [(hub.constants, "HF_HUB_OFFLINE"), (library.config, "HF_HUB_OFFLINE")]
    before = [getattr(place, flag) for place, flag in places]
    for place, flag in places:
        setattr(place, flag, True)
    try:
        yield
    finally:
        for (place, flag), value in zip(places, before, strict=True):
            setattr(place, flag, value)


def _unreachable(hub: Any) -> str:
    """Why the hub gives no answer of any kind; empty where it does."""
    try:
        hub.get_session().head(hub.constants.ENDPOINT, timeout=SECONDS)
    except Exception as error:  # of the library below it, which was another one in each of its versions
        return f"{type(error).__name__}: {first_line(error).rstrip('.')}"
    return ""


@contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Without the library's bars and lines on retries; what it raises says the same."""
    hub, shown = logging.getLogger("huggingface_hub"), not library.are_progress_bars_disabled()
    level = hub.level
    hub.setLevel(logging.CRITICAL)
    library.disable_progress_bars()
    try:
        yield
    finally:
        hub.setLevel(level)
        if shown:
            library.enable_progress_bars()


def _listed(features: Mapping[str, Any]) -> str:
    texts = [f"{name} ({type(feature).__name__})" for name, feature in features.items()]
    return ", ".join(texts[:MAX_LISTED]) + (", …" if len(texts) > MAX_LISTED else "")

"""Which column of a table is what: files, labels, split, weight, group; by name and content, or as asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pellucid.data.folder import split_of
from pellucid.data.opening import EXTENSIONS
from pellucid.data.table_file import MISSING, Rows
from pellucid.errors import UserError, did_you_mean

AUTO = "auto"
LOOKED_AT = 1000  # rows
NUMBERS = ("flag", "integer", "number")
FILE = re.compile(r"(image|img|picture|photo)?(file)?(path|name)?|(image|img|picture|photo)?id(code)?")
LABEL = re.compile(r"(label|class|category|categories|target|tag)(e?s)?(name|id|idx|index|code|number)?")
SPLIT = re.compile(r"(data)?(split|set|subset|partition|fold|phase|usage|stage)(name)?")
WEIGHT = re.compile(r"(sample|loss|image)?weights?")
GROUP = re.compile(r"(group|patient|subject|burst)s?(id|name|number|nr)?")


@dataclass(frozen=True)
class Asked:
    """The columns that the user has named; ``auto``: to be found; None: not to be used."""

    file: str = AUTO
    label: str | Sequence[str] = AUTO
    split: str | None = AUTO
    weight: str | None = AUTO
    group: str | None = AUTO


@dataclass(frozen=True)
class Columns:
    """The columns of a table by what they are; ``guessed``: which of these were found, not asked for."""

    file: str
    label: tuple[str, ...]
    split: str | None
    weight: str | None
    group: str | None
    guessed: list[str] = field(default_factory=list)

    def roles(self) -> dict[str, str]:
        """What each of the columns is."""
        roles = {self.file: "file", **dict.fromkeys(self.label, "label")}
        others = {"split": self.split, "weight": self.weight, "group": self.group}
        return roles | {name: role for role, name in others.items() if name is not None}


def find_columns(path: Path, rows: Rows, asked: Asked, classes: Sequence[str] | None = None) -> Columns:
    """What is asked for, and the rest by names and content. Raises UserError where that does not tell.

    ``classes``, where they are known and columns are called so, are the columns of labels.
    """
    _check_asked(path, rows, asked)
    free = [name for name, kind in rows.kinds.items() if kind != "empty"]
    guessed: list[str] = []

    def take(role: str, wanted: str | None, find: Callable[[list[str]], str | None]) -> str | None:
        found = find(free) if wanted == AUTO else wanted
        if wanted == AUTO and found is not None:
            guessed.append(role)
        if found in free:
            free.remove(found)
        return found

    pinned = {
        *([] if asked.label == AUTO else _as_list(asked.label)),
        *(name for name in (asked.file, asked.split, asked.weight, asked.group) if name and name != AUTO),
    }
    free = [name for name in free if name not in pinned]
    file = take("file", asked.file, lambda names: _find_file(path, rows, names))
    assert file is not None
    split = take("split", asked.split, lambda names: _find_split(rows, names))
    group = take("group", asked.group, lambda names: _named(names, GROUP))
    weights = [name for name in free if _matches(name, WEIGHT) and rows.kinds[name] in NUMBERS]
    if asked.label == AUTO:
        rest = [name for name in free if name not in weights]
        label = _find_label(path, rows, rest or free, classes)
        free = [name for name in free if name not in label]
        guessed.append("label")
    else:
        label = tuple(_as_list(asked.label))
    weight = take("weight", asked.weight, lambda names: next((n for n in weights if n in names), None))
    return Columns(file, label, split, weight, group, guessed)


def _as_list(label: str | Sequence[str]) -> list[str]:
    return [label] if isinstance(label, str) else list(label)


def _check_asked(path: Path, rows: Rows, asked: Asked) -> None:
    """Raise UserError for columns that are not there, or asked for twice."""
    named = {name: [value] for name, value in vars(asked).items() if name != "label" and value is not None}
    named["label"] = _as_list(asked.label)
    if not named["label"]:
        raise UserError("data.label=[]: expected a column, or several.")
    absent = [
        f"data.{option}={name}: there is no such column.{did_you_mean(name, rows.columns)}"
        for option, names in named.items()
        for name in names
        if name != AUTO and name not in rows.columns
    ]
    if absent:
        raise UserError(f"{' '.join(absent)} {path} has the columns {', '.join(rows.columns)}.")
    every = [name for names in named.values() for name in names if name != AUTO]
    if twice := sorted({name for name in every if every.count(name) > 1}):
        raise UserError(f"data.file, label, split, weight, group: {', '.join(twice)} stands for two of them.")


def simple(name: str) -> str:
    """A column's name without signs and capitals."""
    return re.sub(r"[\W_]", "", name).lower()


def _matches(name: str, pattern: re.Pattern[str]) -> bool:
    return bool(simple(name) and pattern.fullmatch(simple(name)))


def _named(names: Iterable[str], pattern: re.Pattern[str]) -> str | None:
    return next((name for name in names if _matches(name, pattern)), None)


def _find_file(path: Path, rows: Rows, names: Sequence[str]) -> str:
    """The column most of whose texts end as images do, else one that is called so."""
    images = [name for name in names if _image_share(rows, name) > 0.5]
    found = _named(images, FILE) or next(iter(images), None)
    if found is None:
        called = [name for name in names if _matches(name, FILE) and rows.kinds[name] != "number"]
        found = next(iter(sorted(called, key=lambda name: -len(simple(name)))), None)
    if found is None:
        raise UserError(
            f"data.path={path}: no column holds names of image files ({', '.join(rows.columns)}). Expected "
            "one such as a.jpg or photos/a.jpg, relative to the table; data.file=<column> names it."
        )
    return found


def _image_share(rows: Rows, name: str) -> float:
    """The share of the first texts that end as images do."""
    texts = [text for text in rows.columns[name][:LOOKED_AT] if text]
    return sum(Path(text).suffix.lower() in EXTENSIONS for text in texts) / max(1, len(texts))


def _find_split(rows: Rows, names: Sequence[str]) -> str | None:
    """A column called so, with values such as train and test."""
    for name in names:
        if _matches(name, SPLIT):
            values = set(rows.columns[name])
            if simple(name) in ("split", "datasplit") or any(map(split_of, values)):
                return name
    return None


def _find_label(
    path: Path, rows: Rows, names: Sequence[str], classes: Sequence[str] | None
) -> tuple[str, ...]:
    """The columns called as classes are known to be; as labels; of 0 and 1; the one that is left; of texts
    that come again; of numbers with fractions.
    """
    of_classes = [name for name in classes or () if name in names and rows.kinds[name] in NUMBERS]
    if of_classes:
        return tuple(of_classes)
    called = [name for name in names if _matches(name, LABEL)]
    if called:
        texts = [name for name in called if rows.kinds[name] not in NUMBERS]
        return ((texts or called)[0],)
    flags = [name for name in names if rows.kinds[name] == "flag"]
    if len(flags) > 1:
        return tuple(flags)
    if len(names) == 1:
        return (names[0],)
    texts = [name for name in names if rows.kinds[name] in ("text", "list") and _comes_again(rows, name)]
    if len(texts) == 1:
        return (texts[0],)
    numbers = [name for name in names if rows.kinds[name] == "number"]
    if not texts and numbers:
        return tuple(numbers)
    left = f"it may be {', '.join(texts or names)}" if names else "only files are there"
    raise UserError(
        f"data.path={path}: which column is the label, the table does not tell: {left}. Name it, or several, "
        "by data.label=<column> or data.label=[<column>,<column>]."
    )


def _comes_again(rows: Rows, name: str) -> bool:
    column = rows.columns[name]
    return 2 * len(set(column)) <= len(column)


def is_label_name(name: str) -> bool:
    """Whether a column is called as those of classes are."""
    return _matches(name, LABEL)


def is_missing(text: str) -> bool:
    """Whether a cell of a column of numbers holds none."""
    return text.lower() in MISSING

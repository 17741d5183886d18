"""The one exception for a user's mistake, and the names in what it says."""

import os
import shlex
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from pellucid.nearest import nearest_names

UNSEEN = ("Cc", "Zl", "Zp")  # control signs, ends of lines and of paragraphs
SPECIAL = set('"$`\\!\n')  # what a shell reads within double quotes

# What classes raise for options that they cannot work with, where they do not check them.
OPTION_ERRORS = (
    *(ValueError, TypeError, ArithmeticError, LookupError, ImportError, RuntimeError, MemoryError),
)


class UserError(ValueError):
    """Something the user can mend; the message says what was expected, what came, what to do.

    The commands print it without a traceback and end with exit code 2.
    """


class ImageTooSmallError(UserError):
    """A net met an image that its pools shrink to nothing; ``smallest`` pixels a side would do."""

    def __init__(self, net: str, size: int, smallest: int) -> None:
        super().__init__(
            f"{net} cannot take images of {size} pixels a side: the smallest that works is "
            f"{smallest}. Set data.image_size={smallest} or larger, or leave it at auto."
        )
        self.smallest = smallest


def typed(command: str, *words: str) -> str:
    """What this process's user types for a command and its words: ``pellucid evaluate``, or the script of a
    clone.
    """
    if "PELLUCID_COMMAND" in os.environ or Path(__file__).with_name("conf").is_dir():  # no clone: a wheel's
        line = f"pellucid {command}"
    else:
        line = "python train.py" if command == "train" else f"python scripts/{command}.py"
    return " ".join([line, *map(_quoted, words)])


def _quoted(word: str) -> str:
    """As a shell reads it; in double quotes where it has Hydra's single ones."""
    return f'"{word}"' if "'" in word and not SPECIAL & set(word) else shlex.quote(word)


def first_line(error: BaseException) -> str:
    """What an exception says, in a line; its kind where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def missing_package(error: BaseException, own: Iterable[str] = ()) -> str:
    """`` needs the package x, …``: what to install where an import failed; empty where it is something else,
    or a module of ``own`` packages.
    """
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if not package or package in own or package in sys.modules:
        return ""
    return f" needs the package {package}, which is not installed. Install it: pip install {package}."


def did_you_mean(
    name: str, choices: Iterable[str], *, limit: int = 1, cutoff: float = 0.52, quote: str = "'"
) -> str:
    """`` Did you mean 'x'?``, of ``limit`` choices `` 'x' or 'y'``; the empty text where nothing is near."""
    near = nearest_names(name, choices, limit=limit, cutoff=cutoff)
    return f" Did you mean {' or '.join(f'{quote}{choice}{quote}' for choice in near)}?" if near else ""


_looked_up: dict[str, str] = {}


def remember_secret(value: str, written: str) -> None:
    """Show ``written``, as ``${oc.env:TOKEN}``, wherever the value would be told."""
    if len(value) > 3:  # shorter ones stand in many words
        _looked_up[value] = written


def without_secrets(text: str) -> str:
    """The text without what was looked up in the environment."""
    for value, written in _looked_up.items():
        text = text.replace(value, written)
    return text


def plain(text: object) -> str:
    """A name as one line: what would break it, or command a terminal, is a space."""
    return "".join(" " if unicodedata.category(sign) in UNSEEN else sign for sign in encodable(str(text)))


def encodable(text: str) -> str:
    r"""The text as every file and console takes it: a byte of a name that is no UTF-8 becomes ``\xe9``."""
    try:
        return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    except UnicodeEncodeError:  # half a letter, as names on Windows may hold it
        return text.encode(errors="backslashreplace").decode()


def counted(number: int, noun: str) -> str:
    """``1 image``, ``1,234 images``."""
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {plural}"

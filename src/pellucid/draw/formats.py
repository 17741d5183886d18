"""In which formats figures are written: PNG always, PDF and SVG beside it where they are asked for.

Nothing here imports matplotlib: formats are checked where a line is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pellucid.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from pellucid.draw.sheet import Picture

FORMATS = ("png", "pdf", "svg")
Function = TypeVar("Function", bound=Callable[..., Any])
_vectors: ContextVar[tuple[str, ...]] = ContextVar("vectors", default=())
_drawn: ContextVar[dict[Path, Picture] | None] = ContextVar("drawn", default=None)


def format_problem(figures: Any) -> str:
    """Why that is no choice of formats; the empty text where it is one."""
    names = figures if isinstance(figures, list | tuple) else [figures]
    for name in names:
        if name not in FORMATS:
            hint = did_you_mean(str(name), FORMATS)
            return f"figures={name}: expected png, pdf, svg or a list of them, [png,pdf].{hint}"
    return ""


def vector_formats(figures: str | Sequence[str]) -> tuple[str, ...]:
    """Those beside PNG. Raises UserError for what is no format."""
    if problem := format_problem(figures):
        raise UserError(problem)
    names = [figures] if isinstance(figures, str) else figures
    return tuple(dict.fromkeys(name for name in names if name != "png"))


def in_formats(command: Function) -> Function:
    """A command whose argument ``figures`` says in which formats its figures are written."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        token = _vectors.set(vector_formats(options.get("figures", "png")))
        try:
            return command(*arguments, **options)
        finally:
            _vectors.reset(token)

    return run  # type: ignore[return-value]


def formats_asked() -> tuple[str, ...]:
    """The formats beside PNG of the command that is running."""
    return _vectors.get()


@contextmanager
def keeping_pictures() -> Iterator[dict[Path, Picture]]:
    """Every picture that is written meanwhile, by its PNG file."""
    pictures: dict[Path, Picture] = {}
    token = _drawn.set(pictures)
    try:
        yield pictures
    finally:
        _drawn.reset(token)


def keep(path: Path, picture: Picture) -> None:
    """Note a picture that is written, where pictures are kept."""
    if (pictures := _drawn.get()) is not None:
        pictures[path] = picture


def by_name(pictures: Mapping[Path, Picture], folder: Path) -> dict[str, Picture]:
    """Pictures by the names that those of a folder have, ``feature_maps/layer1``."""
    return {path.relative_to(folder).with_suffix("").as_posix(): p for path, p in pictures.items()}

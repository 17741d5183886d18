"""In which formats a command writes its figures, and which pictures it has written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pellucid.system.figure_formats import vector_formats

if TYPE_CHECKING:
    from pellucid.draw.sheet import Picture

Function = TypeVar("Function", bound=Callable[..., Any])
_vectors: ContextVar[tuple[str, ...]] = ContextVar("vectors", default=())
_drawn: ContextVar[dict[Path, Picture] | None] = ContextVar("drawn", default=None)


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

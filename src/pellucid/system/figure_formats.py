"""The formats of figures' files: PNG always, PDF and SVG beside it where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.errors import UserError, did_you_mean

FORMATS = ("png", "pdf", "svg")


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

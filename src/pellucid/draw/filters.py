"""A convolution's kernels, and how they have changed since training began.

Axes: O outputs, I inputs, H × W pixels of a kernel.
"""

from __future__ import annotations

from math import isqrt

import numpy as np

from pellucid.draw.maps import enlarged
from pellucid.draw.sheet import (
    DIVERGING,
    FAINT,
    SEQUENTIAL,
    Picture,
    Sheet,
    colourise,
    mosaic,
    square_columns,
)
from pellucid.errors import counted
from pellucid.system.number_text import number


def kernel_tiles(
    kernels_OIHW: np.ndarray, limit: float, outputs: int, inputs: int, *, is_grouped: bool = False
) -> np.ndarray:
    """RGB in [0, 1]: three inputs as one colour tile an output (0 is grey); one input as one tile an output;
    else, and where each group of outputs has three inputs of its own, a row an output and a column an input.
    ``limit`` is the value of full colour.
    """
    if kernels_OIHW.shape[1] == 3 and not is_grouped:
        colours = np.clip(kernels_OIHW[:outputs] / (2 * limit) + 0.5, 0, 1).transpose(0, 2, 3, 1)
        return mosaic([enlarged(tile) for tile in colours], square_columns(len(colours)), ground=0.5)
    if kernels_OIHW.shape[1] == 1:
        tiles = [
            enlarged(colourise(kernel_IHW[0], -limit, limit, DIVERGING))
            for kernel_IHW in kernels_OIHW[:outputs]
        ]
        return mosaic(tiles, square_columns(len(tiles)))
    tiles = [
        colourise(kernel_HW, -limit, limit, DIVERGING)
        for kernel_IHW in kernels_OIHW[:outputs]
        for kernel_HW in kernel_IHW[:inputs]
    ]
    return mosaic(tiles, min(inputs, kernels_OIHW.shape[1]))


def norms(kernels_OIHW: np.ndarray) -> np.ndarray:
    """The Euclidean norm of each kernel, outputs × inputs."""
    norms_OI: np.ndarray = np.sqrt((kernels_OIHW.astype(np.float64) ** 2).sum(axis=(2, 3)))
    return norms_OI


def draw_filters(
    now_OIHW: np.ndarray,
    start_OIHW: np.ndarray | None,
    *,
    kernels: int,
    title: str,
    change: float | None,
    is_grouped: bool = False,
) -> Picture:
    """Kernels now and, where that is known, their change since the start, on one scale each; for many inputs
    also their norms.

    At most ``kernels`` tiles are drawn; with many inputs as a square, a row an output, a column an input.
    """
    total_out, total_in, height, width = now_OIHW.shape
    coloured = total_in == 3 and not is_grouped
    many = total_in != 1 and not coloured
    side = max(1, isqrt(kernels))
    outputs, inputs = (
        (min(side, total_out), min(side, total_in)) if many else (min(kernels, total_out), total_in)
    )
    size, gap = 3.0, 0.25
    shown = [("kernels", now_OIHW)]
    if start_OIHW is not None:
        shown.append(("change since the start", now_OIHW - start_OIHW))
    panels = len(shown) + many
    sheet = Sheet(0.3 + panels * (size + gap), 0.8 + size + 0.45)
    note = f"{counted(total_out, 'output')}, {counted(total_in, 'input')}{' each' * is_grouped}"
    note += f", {height} × {width}"
    if many:
        note += f"; {_first(outputs, 'output')} as rows, {_first(inputs, 'input')} as columns"
    elif outputs < total_out:
        note += f"; {_first(outputs, 'output')}"
    if change is not None:
        note += f"; changed by {change:.1%} since the start (‖w − w₀‖ / ‖w₀‖)"
    sheet.title(title, note)
    for panel, (name, values) in enumerate(shown):
        limit = float(np.abs(values[:outputs, :inputs]).max()) or 1.0
        x = 0.15 + panel * (size + gap)
        sheet.text(name, x, 0.58, size=7.5, colour=FAINT)
        tiles = kernel_tiles(values, limit, outputs, inputs, is_grouped=is_grouped)
        sheet.image(tiles, x, 0.78, size, size)
        if coloured:
            label = f"grey: 0; full colour: ±{number(limit)} in red, green and blue"
            sheet.text(label, x, 0.86 + size, width=size, size=6.5, colour=FAINT)
        else:
            sheet.scale(x, 0.86 + size, size, -limit, limit, DIVERGING)
    if many:
        strengths = norms(now_OIHW)
        strongest = float(strengths.max()) or 1.0
        x = 0.15 + len(shown) * (size + gap)
        sheet.text("norm of every kernel: outputs down, inputs across", x, 0.58, size=7.5, colour=FAINT)
        picture = colourise(strengths, 0, strongest, SEQUENTIAL)
        sheet.image(picture, x, 0.78, size, size, stretched=True)
        sheet.scale(x, 0.86 + size, size, 0, strongest, SEQUENTIAL)
    return sheet.picture()


def _first(count: int, name: str) -> str:
    return f"{name} 0" if count == 1 else f"{name}s 0–{count - 1}"

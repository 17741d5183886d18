"""The page that every picture is drawn on, its colours and its text.

Matplotlib's Figure with the Agg canvas, never pyplot: safe in threads, and nothing is kept.
Axes: N images, H × W pixels, C channels.
"""

from __future__ import annotations

import io
import unicodedata
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle
from PIL import Image

from pellucid.errors import plain
from pellucid.system.number_text import number

Picture = np.ndarray  # uint8, (height, width, 3)


class Page(np.ndarray):
    """The pixels of a sheet as a picture, with the sheet itself, None of a part of them."""

    sheet: Sheet | None = None


DPI = 130
FRAME = 3  # pixels of an image's frame
MAX_TIMES = 40  # by which an image is enlarged on a page of vectors
INK, FAINT, LINE = "#1f1f1f", "#6b6b6b", "#c9c9c9"
RIGHT, WRONG = "#00795c", "#c4450c"  # told apart by every kind of colour blindness
# Petroff, "Accessible color sequences for data visualization", 2021.
COLOURS = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
VECTOR_DPI = 300  # of images on a page of vectors
VECTORS = {  # how pages are written as PDF and SVG, whatever the user's own settings are
    **{"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "pellucid"},
    **{"savefig.bbox": None, "savefig.facecolor": "auto", "savefig.transparent": False},
}
UNDATED = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}  # the same page, the same file
MARKERS = "o^sDP"  # with the colours, fifty classes differ
SEQUENTIAL, DIVERGING = "viridis", "RdBu_r"
DEAD = (0.80, 0.80, 0.80)


class Sheet:
    """A white page; places and sizes in inches, from its top left corner.

    A heading of more than two lines makes the page longer: what is drawn after it lies as much lower.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._lower = 0.0  # by what the heading is longer
        self._figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
        self._canvas = FigureCanvasAgg(self._figure)
        self._images: list[tuple[int, int, np.ndarray, str | None]] = []
        self._originals: list[tuple[tuple[float, float, float, float], np.ndarray]] = []  # in inches

    def axes(self, x: float, y: float, width: float, height: float, **options: Any) -> Axes:
        """Axes for a plot: thin, without the upper and right line."""
        page_height = self.height + self._lower
        bottom = 1 - (y + self._lower + height) / page_height
        box = (x / self.width, bottom, width / self.width, height / page_height)
        axes = self._figure.add_axes(box, **options)
        axes.set_title("", y=1)  # said, as matplotlib else measures all ticks for where no title touches them
        axes.tick_params(labelsize=7, colors=FAINT, width=0.6, length=2.5)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set(color=LINE, linewidth=0.8)
        return axes

    def image(
        self,
        picture: np.ndarray,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        frame: str | None = None,
        stretched: bool = False,
    ) -> None:
        """An RGB array, uint8 or in [0, 1], in the middle of that place, over all else there.

        Its pixels are square unless ``stretched``; enlarged ones stay sharp, reduced ones are averaged.
        ``frame`` is the colour of a border. Raises ValueError for values that are not finite.
        """
        check_finite(picture)
        y += self._lower
        rows, columns = picture.shape[:2]
        if not stretched:
            scale = min(width / columns, height / rows)
            x, y = x + (width - scale * columns) / 2, y + (height - scale * rows) / 2
            width, height = scale * columns, scale * rows
        if picture.dtype != np.uint8:
            picture = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
        size = max(1, round(width * DPI)), max(1, round(height * DPI))
        how = Image.Resampling.NEAREST if size[0] >= picture.shape[1] else Image.Resampling.BOX
        pixels = np.asarray(Image.fromarray(picture).resize(size, how))
        self._images.append((round(x * DPI), round(y * DPI), pixels, frame))
        self._originals.append(((x, y, width, height), picture))

    def text(
        self,
        text: str,
        x: float,
        y: float,
        *,
        width: float | None = None,
        size: float = 8,
        colour: str = INK,
        bold: bool = False,
        align: str = "left",
    ) -> None:
        """One line whose top is at ``y``; shortened to ``width`` where it would be longer."""
        self._figure.text(
            x / self.width,
            1 - (y + self._lower) / (self.height + self._lower),
            plain(text) if width is None else fit(text, width, size * (1.1 if bold else 1)),
            size=size,
            color=colour,
            weight="bold" if bold else "normal",
            ha=align,
            va="top",
            parse_math=False,  # a file's name may hold dollars
        )

    def title(self, text: str, note: str = "") -> None:
        """The heading, to come first, and a fainter note below it: each in as many lines as it takes."""
        width = self.width - 0.24
        heads = wrapped(text, width, 11)
        notes = [line_text for line in note.split("\n") for line_text in wrapped(line, width, 7.5)]
        lower = 0.2 * (len(heads) - 1) + 0.15 * (len(notes) - 1)
        self._figure.set_size_inches(self.width, self.height + lower)
        self._lower = lower
        lines = [(line_text, -lower + 0.1 + 0.2 * index, 10.0, INK) for index, line_text in enumerate(heads)]
        first = lines[-1][1] + 0.23
        lines += [(line_text, first + 0.15 * index, 7.5, FAINT) for index, line_text in enumerate(notes)]
        for line_text, y, size, colour in lines:
            self.text(line_text, 0.12, y, width=width, size=size, colour=colour, bold=size == 10)

    def scale(
        self, x: float, y: float, width: float, low: float, high: float, colours: str, label: str = ""
    ) -> None:
        """A horizontal colour scale with its two ends and, for a diverging one, its middle."""
        ramp = colourise(np.linspace(0, 1, 256)[None], 0, 1, colours)
        self.image(ramp, x, y, width, 0.09, stretched=True)
        self.text(number(low), x, y + 0.12, size=6.5, colour=FAINT)
        self.text(number(high), x + width, y + 0.12, size=6.5, colour=FAINT, align="right")
        if label:
            self.text(label, x + width / 2, y + 0.12, size=6.5, colour=FAINT, align="center")

    def picture(self) -> Picture:
        """The drawn page."""
        with warnings.catch_warnings():  # a class named in an alphabet that no font here has: boxes
            warnings.filterwarnings("ignore", message=".*[Gg]lyph")
            self._canvas.draw()  # type: ignore[no-untyped-call]
        pixels = self._canvas.buffer_rgba()  # type: ignore[no-untyped-call]
        page = np.array(np.asarray(pixels)[..., :3])
        for left, top, picture, frame in self._images:
            bottom, right = top + picture.shape[0], left + picture.shape[1]
            if frame is not None:
                border = FRAME
                colour = np.round(255 * np.array(to_rgb(frame))).astype(np.uint8)
                page[top - border : bottom + border, left - border : right + border] = colour
            page[top:bottom, left:right] = picture
        drawn = page.view(Page)
        drawn.sheet = self
        return drawn

    def vector(self, kind: str) -> bytes:
        """The page as the content of a ``pdf`` or ``svg`` file: lines and text as such, images as images.

        A PDF's fonts are in it (TrueType); an SVG's text is text, which needs DejaVu Sans where it is shown.
        """
        placed = [
            self._place(box, picture, frame)
            for (box, picture), (*_, frame) in zip(self._originals, self._images, strict=True)
        ]
        content = io.BytesIO()
        try:
            with rc_context(VECTORS), warnings.catch_warnings():  # type: ignore[arg-type]
                warnings.filterwarnings("ignore", message=".*[Gg]lyph")
                warnings.filterwarnings("ignore", message="'mode' parameter")  # of Pillow, by matplotlib 3.9
                self._figure.savefig(content, format=kind, metadata=UNDATED[kind])
        finally:
            for axes in placed:
                self._figure.delaxes(axes)
        return content.getvalue()

    def _place(self, box: tuple[float, float, float, float], picture: np.ndarray, frame: str | None) -> Axes:
        """An image as a part of the figure; a small one enlarged, as many programs blur what they enlarge."""
        x, y, width, height = box
        high = self.height + self._lower
        axes = self._figure.add_axes(
            (x / self.width, 1 - (y + height) / high, width / self.width, height / high), zorder=10
        )
        axes.set_axis_off()
        rows, columns = picture.shape[:2]
        wanted = max(1, round(width * VECTOR_DPI)), max(1, round(height * VECTOR_DPI))
        if columns > wanted[0]:
            picture = np.asarray(Image.fromarray(picture).resize(wanted, Image.Resampling.BOX))
        else:
            times = -(-wanted[0] // columns), -(-wanted[1] // rows)
            picture = picture.repeat(min(times[1], MAX_TIMES), axis=0).repeat(
                min(times[0], MAX_TIMES), axis=1
            )
        axes.imshow(picture, aspect="auto", interpolation="none")
        if frame is not None:
            line = 2 * FRAME * 72 / DPI
            edge = Rectangle(
                (0, 0),
                1,
                1,
                fill=False,
                transform=axes.transAxes,
                clip_on=False,
                color=frame,
                lw=line,
                zorder=-1,
            )
            axes.add_patch(edge)
        return axes


def fit(text: str, width: float, size: float) -> str:
    """The text as one line, its middle left out where that is longer than ``width`` inches."""
    text = plain(text)
    limit = width * 72 / 1.12  # drawn small, letters are up to a ninth wider than the font says
    if length(text, size) <= limit:
        return text
    head = len(text) // 2
    tail = len(text) - head
    while head + tail > 2 and length(text[:head] + "…" + text[len(text) - tail :], size) > limit:
        head, tail = (head - 1, tail) if head >= tail else (head, tail - 1)
    return text[:head] + "…" + text[len(text) - tail :]


def wrapped(text: str, width: float, size: float) -> list[str]:
    """The text in lines of at most ``width`` inches, broken at spaces; a longer word stays whole."""
    lines: list[str] = []
    for word in plain(text).split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and fit(longer, width, size) == longer:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@lru_cache(maxsize=4096)  # a look writes the same names again, each measured several times
def length(text: str, size: float) -> float:
    """Width of a line in points, by the measures of the font; wide letters that it lacks count as square."""
    wide = [letter for letter in text if unicodedata.east_asian_width(letter) in "WF"]
    font = get_font(findfont(FontProperties()))
    font.set_size(size, DPI)
    with warnings.catch_warnings():  # letters that it lacks
        warnings.simplefilter("ignore")
        font.set_text("".join(letter for letter in text if letter not in wide))
    return float(font.get_width_height()[0]) / 64 * 72 / DPI + 1.05 * size * len(wide)


def judged(text: str, right: bool | None) -> tuple[str, str]:
    """A text with its mark, and its colour: right or wrong, and neither for None."""
    if right is None:
        return text, INK
    return (f"✓ {text}", RIGHT) if right else (f"✗ {text}", WRONG)


def colour_of(label: int) -> str:
    """A class's colour, the same in every picture."""
    return COLOURS[label % len(COLOURS)]


def marker_of(label: int) -> str:
    """A class's marker: with its colour it tells fifty classes apart."""
    return MARKERS[(label + label // len(COLOURS)) % len(MARKERS)]


def colourise(values_HW: np.ndarray, low: float, high: float, colours: str) -> np.ndarray:
    """Values as RGB in [0, 1]; what lies outside the limits takes the colour of the nearer one.

    Raises ValueError for values that are not finite.
    """
    check_finite(values_HW)
    span = high - low if high > low else 1.0
    coloured = _colour_map(colours)(np.clip((values_HW - low) / span, 0, 1))
    return np.asarray(coloured[..., :3])


@lru_cache
def _colour_map(name: str) -> Colormap:
    """Matplotlib's of that name, which gives a copy each time whose table is made anew."""
    return colormaps[name]


def check_finite(values: np.ndarray) -> None:
    """Raise ValueError where a picture would hide that values are not numbers."""
    bad = values.size - int(np.isfinite(values).sum())
    if bad:
        raise ValueError(f"{bad:,} of {values.size:,} values are not finite, so no picture is drawn")


def mosaic(tiles: Sequence[np.ndarray], columns: int, ground: float = 1.0) -> np.ndarray:
    """RGB tiles of one size in [0, 1], row by row from the top left, with lines of a grey between."""
    height, width = tiles[0].shape[:2]
    gap = max(1, round(max(height, width) / 14))
    rows = -(-len(tiles) // columns)
    page = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), ground)
    for index, tile in enumerate(tiles):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        page[top : top + height, left : left + width] = tile
    return page


def crossed(height: int, width: int) -> np.ndarray:
    """A grey tile with a diagonal: nothing lives here."""
    tile = np.full((height, width, 3), DEAD)
    side = max(height, width)
    steps = np.arange(side)
    tile[steps * height // side, steps * width // side] = to_rgb(FAINT)
    return tile


def square_columns(count: int) -> int:
    """Columns of the most nearly square grid."""
    return max(1, int(np.ceil(np.sqrt(count))))


def rgb(images: np.ndarray, bands: Sequence[float] = ()) -> np.ndarray:
    """Images (…, C) as three channels, those in [0, 1] within it.

    ``bands``: the number of the channel that is shown, or of those shown as red, green and blue; or the rows
    of a matrix (3, C + 1) from channels, and 1, to red, green and blue. None: of 1 or 3 channels themselves,
    of another number the first three, or the first alone.
    """
    channels = images.shape[-1]
    if len(bands) > 3:
        weights = np.array(bands, images.dtype).reshape(3, channels + 1)
        shown: np.ndarray = np.clip(images @ weights[:, :-1].T + weights[:, -1], 0, 1)
        return shown
    chosen = [int(band) for band in bands] or ([0, 1, 2] if channels >= 3 else [0])
    return images[..., chosen if len(chosen) == 3 else chosen * 3]

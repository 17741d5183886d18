"""Drawn cat and dog faces: a small data set that needs neither a folder of photos nor a network.

One hand draws both kinds, part by part. A kind sets only the odds of each part (``_ODDS``), so
that no single cue settles which it is; pose, scene, light and what is in the way say nothing.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

Kind = Literal["cat", "dog"]
Colour = tuple[int, ...]
Floats = NDArray[np.float64]

KINDS: Final[tuple[Kind, Kind]] = ("cat", "dog")

_PINK, _INK, _WHITE = (232, 150, 152), (44, 34, 36), (250, 247, 240)
# Both rows run from what cats more often have to what dogs more often have.
_COATS: Final[tuple[Colour, ...]] = (
    (120, 132, 150), (140, 140, 148), (226, 150, 78), (58, 54, 60), (240, 218, 184),
    (238, 234, 228), (142, 100, 68), (196, 160, 118), (96, 78, 70), (214, 172, 96),
)  # fmt: skip
_IRISES: Final[tuple[Colour, ...]] = (
    (126, 168, 84), (214, 172, 62), (110, 164, 204), (132, 84, 44), (84, 54, 36),
)  # fmt: skip
_EARS: Final = ("pointed", "tipped", "floppy", "under a hat")


class _Odds(NamedTuple):
    """All that tells the kinds apart: (mean, spread) of a measure, and chances in [0, 1]."""

    coat: tuple[float, float]  # place in _COATS
    iris: tuple[float, float]  # place in _IRISES
    eye: tuple[float, float]  # radius, where the head's is about 1
    snout: tuple[float, float]  # 0 is a small flat nose, 1 a long muzzle with a big one
    ears: tuple[float, float, float, float]  # of each of _EARS
    slit: float  # pupils upright, not round
    whiskers: float
    stripes: float
    patches: float
    tongue: float


_ODDS: Final[dict[Kind, _Odds]] = {
    "cat": _Odds(
        coat=(4.0, 3.5), iris=(1.0, 1.0), eye=(0.23, 0.025), snout=(0.15, 0.12),
        ears=(0.8, 0.1, 0.0, 0.1), slit=0.7, whiskers=0.8, stripes=0.45, patches=0.25, tongue=0.06,
    ),
    "dog": _Odds(
        coat=(5.0, 3.5), iris=(3.3, 1.0), eye=(0.185, 0.025), snout=(0.78, 0.17),
        ears=(0.14, 0.26, 0.5, 0.1), slit=0, whiskers=0.12, stripes=0.08, patches=0.4, tongue=0.4,
    ),
}  # fmt: skip


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    """Colour ``a`` with a ``share`` in [0, 1] of colour ``b``."""
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))


def _colour(channels_3: Floats) -> Colour:
    """The colour nearest to three numbers."""
    return tuple(np.clip(channels_3, 0, 255).astype(int).tolist())


def _any(rng: Generator, low: int = 70, high: int = 235) -> Colour:
    """A colour of any hue, lively but not garish, of a brightness near ``low`` to ``high``."""
    return _colour(rng.uniform(low, high) + rng.normal(0, 32, 3))


def _pick(rng: Generator, row: tuple[Colour, ...], position: tuple[float, float]) -> Colour:
    """A colour from a row, near a place given as (mean, spread)."""
    return row[round(float(np.clip(rng.normal(*position), 0, len(row) - 1)))]


_T: Final = np.linspace(0, 1, 8)[:, None]
_BEND: Final[Floats] = np.concatenate([(1 - _T) ** 2, 2 * _T * (1 - _T), _T**2], axis=1)  # Bézier
_TURN: Final = np.linspace(0, 2 * np.pi, 40, endpoint=False)
_CIRCLE: Final[Floats] = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


def _rounded(corners_P2: ArrayLike) -> Floats:
    """A polygon (8P, 2) with round corners: it bends from the middle of each side to the next."""
    corners = np.asarray(corners_P2, dtype=np.float64)
    middles = (corners + np.roll(corners, 1, axis=0)) / 2
    bends_P32 = np.stack([middles, corners, np.roll(middles, -1, axis=0)], axis=1)
    return (_BEND @ bends_P32).reshape(-1, 2)


def _mirrored(half_P2: ArrayLike) -> Floats:
    """A symmetric polygon (2P, 2) from its right half, listed from top to bottom."""
    half = np.asarray(half_P2, dtype=np.float64)
    return np.concatenate([half, half[::-1] * (-1, 1)])


class _Pen:
    """Draws on an image in units of its own (x right, y down): a head is about 1 in radius."""

    def __init__(self, image: Image.Image, unit: float, tilt: float, origin: ArrayLike) -> None:
        self.image, self.unit, self.tilt, self.origin = image, unit, tilt, np.asarray(origin)
        self.draw = ImageDraw.Draw(image)
        cos, sin = np.cos(tilt) * unit, np.sin(tilt) * unit
        self.pose: Floats = np.array([[cos, sin], [-sin, cos]])

    def moved(self, x: float, y: float, turn: float = 0.0) -> _Pen:
        """The same pen with its origin at (x, y) and its axes turned clockwise by radians."""
        return _Pen(self.image, self.unit, self.tilt + turn, (x, y) @ self.pose + self.origin)

    def fill(self, points_P2: ArrayLike, colour: Colour) -> None:
        """Fill a polygon."""
        points = np.asarray(points_P2) @ self.pose + self.origin
        self.draw.polygon(points.ravel().tolist(), fill=colour)

    def soft(self, corners_P2: ArrayLike, colour: Colour) -> None:
        """Fill a polygon with its corners rounded off."""
        self.fill(_rounded(corners_P2), colour)

    def blob(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """Fill an ellipse."""
        self.fill(_CIRCLE * (rx, ry) + (x, y), colour)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Fill a rectangle."""
        self.fill([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def curve(self, ends_32: ArrayLike, width: float, colour: Colour) -> None:
        """Stroke a curve from the first point to the third, bent towards the second."""
        points = _BEND @ np.asarray(ends_32) @ self.pose + self.origin
        pixels = max(1, round(width * self.unit))
        self.draw.line(points.ravel().tolist(), fill=colour, width=pixels, joint="curve")


def _scene(rng: Generator, side: int) -> Image.Image:
    """A square background: a graded wall, alone or with a meadow, a room or discs before it."""
    corners = np.clip(rng.normal(_any(rng), 16, (2, 2, 3)), 0, 255).astype(np.uint8)
    image = Image.fromarray(corners).resize((side, side), Image.Resampling.BICUBIC)
    pen = _Pen(image, side, 0.0, (0.0, 0.0))
    match rng.integers(4):
        case 0:
            pen.blob(rng.uniform(), 0.15, 0.09, 0.09, (250, 226, 130))
            for horizon in (0.5, 0.7):
                grass = _mix(_any(rng), (104, 160, 70), 0.7)
                pen.blob(rng.uniform(), horizon + 0.8, 1.3, rng.uniform(0.75, 0.9), grass)
            for x, y in rng.uniform((0, 0.75), (1, 1), (12, 2)):
                pen.blob(x, y, 0.015, 0.015, _any(rng, 150, 255))
        case 1:
            paper, x, y = _any(rng), rng.uniform(0, 0.65), rng.uniform(0, 0.3)
            for left in np.arange(rng.uniform(0, 0.1), 1, rng.uniform(0.1, 0.25)):
                pen.box(left, 0, left + 0.05, 1, paper)
            pen.box(x, y, x + 0.35, y + 0.3, _any(rng, 40, 160))
            pen.box(x + 0.03, y + 0.03, x + 0.32, y + 0.27, _any(rng, 150, 250))
            pen.box(0, rng.uniform(0.65, 0.9), 1, 1, _any(rng, 50, 190))
        case 2:
            for x, y, r in rng.uniform((0, 0, 0.03), (1, 1, 0.16), (14, 3)):
                pen.blob(x, y, r, r, _any(rng))
    return image


def _body(pen: _Pen, rng: Generator, coat: Colour) -> None:
    """Shoulders and chest, and on some a collar with a bell."""
    pen.blob(0, 2.15, 1.0, 1.5, _mix(coat, _INK, 0.3))
    pen.blob(0, 2.2, 0.92, 1.45, _mix(coat, _INK, 0.12))
    pen.blob(0, 2.0, 0.45, 1.0, _mix(coat, _WHITE, rng.uniform(0, 0.6)))
    if rng.random() < 0.4:
        pen.curve([(-0.7, 0.9), (0, 1.5), (0.7, 0.9)], 0.17, _any(rng, 40, 220))
        pen.blob(0, 1.28, 0.13, 0.13, (238, 196, 70))


def _standing_ears(pen: _Pen, rng: Generator, coat: Colour, *, tipped: bool) -> None:
    """Two triangles, pink inside; tipped, their upper halves fold over."""
    wide, tall = rng.uniform(0.42, 0.56), rng.uniform(0.75, 1.15)
    out, lean = rng.uniform(0.54, 0.66), rng.uniform(0.05, 0.5)
    ear = np.array([(-1, 0.5), (-0.75, -0.3), (-0.06, -1), (0.06, -1), (0.75, -0.3), (1, 0.5)])
    fold = np.repeat([(-0.7, -0.62), (0.7, -0.66), (0.55, 0.2)], 2, axis=0)  # twice: a sharp corner
    if tipped:
        ear[1:5] = np.repeat([(-0.66, -0.6), (0.66, -0.6)], 2, axis=0)
    edge, inside = _mix(coat, _INK, 0.45), _mix(coat, _PINK, rng.uniform(0.6, 1))
    for side in (-1, 1):
        at = pen.moved(side * out, -0.72, side * lean + rng.normal(0, 0.06))
        shape = np.array([side * wide, tall])
        at.soft(ear * shape * 1.1, edge)
        at.soft(ear * shape, coat)
        at.soft((ear * 0.62 - (0, 0.16)) * shape, inside)
        if tipped:
            at.soft(fold * shape * 1.14, edge)
            at.soft(fold * shape, _mix(coat, _INK, 0.2))


def _floppy_ears(pen: _Pen, rng: Generator, coat: Colour) -> None:
    """Two flaps that hang beside the head, darker than it."""
    flap = np.array([(-0.3, -0.2), (0.25, -0.3), (0.62, 0.25), (0.7, 1), (0.3, 1.3), (-0.05, 0.7)])
    shape, shade = rng.uniform((0.8, 0.7), (1.1, 1.15)), rng.uniform(0.15, 0.5)
    for side in (-1, 1):
        at = pen.moved(side * 0.7, -0.6 + rng.normal(0, 0.04))
        at.soft(flap * shape * (side * 1.09, 1.06), _mix(coat, _INK, 0.6))
        at.soft(flap * shape * (side, 1), _mix(coat, _INK, shade))


def _hat(pen: _Pen, rng: Generator) -> None:
    """A woolly hat, which hides what ears there are."""
    wool, band = _any(rng, 50, 200), _any(rng, 60, 250)
    pen.soft(_mirrored([(0.5, -1.7), (1.15, -1.3), (1.2, -0.4), (0.5, -0.55)]), wool)
    for x in np.linspace(-0.8, 0.8, 5):
        pen.curve([(x * 0.4, -1.45), (x, -1.2), (x, -0.6)], 0.06, _mix(wool, _INK, 0.2))
    pen.soft(_mirrored([(0.5, -0.85), (1.2, -0.75), (1.15, -0.35), (0.5, -0.5)]), band)
    pen.blob(0, -1.55, 0.25, 0.25, band)


def _head(pen: _Pen, rng: Generator, coat: Colour, snout: float) -> None:
    """The head with its cheeks, lit from one side and brushed with short hairs."""
    wide, chin = rng.normal(1.12 - 0.12 * snout, 0.05), rng.normal(0.98 + 0.1 * snout, 0.05)
    half = [(0.4, -1.05), (wide * 0.86, -0.8), (wide * 1.06, 0.1), (wide * 0.8, 0.8), (0.3, chin)]
    outline = _rounded(_mirrored(half))
    outline *= 1 + rng.uniform(0, 0.1) * rng.random((len(outline), 1))
    pen.fill(outline * 1.05, _mix(coat, _INK, 0.55))
    pen.fill(outline, _mix(coat, _INK, 0.14))
    pen.fill(outline * 0.93 + rng.uniform(-0.05, 0.05, 2), coat)
    for radius, angle in rng.uniform((0.2, 0), (0.85, 2 * np.pi), (50, 2)):
        root = radius * np.array([np.cos(angle), np.sin(angle)])
        tone = _mix(coat, _WHITE if rng.random() < 0.5 else _INK, 0.18)
        pen.curve([root, root * 1.08, root * 1.15], 0.02, tone)


def _markings(pen: _Pen, rng: Generator, odds: _Odds, coat: Colour) -> None:
    """Tabby stripes on forehead and cheeks; a blaze, or a patch round one eye and some spots."""
    marking = _mix(coat, _INK if sum(coat) > 330 else _WHITE, rng.uniform(0.4, 0.85))
    patched, striped, blazed = rng.random(3) < (odds.patches, odds.stripes, 0.4)
    if striped:
        dark = _mix(coat, _INK, rng.uniform(0.35, 0.6))
        for x in (-0.26, 0.0, 0.26):
            pen.curve([(x, -0.85), (x * 0.8, -0.6), (x * 0.6, -0.42)], 0.1, dark)
        for side in (-1, 1):
            for y in (0.08, 0.3, 0.52):
                pen.curve([(side * 0.95, y - 0.06), (side * 0.8, y), (side * 0.62, y)], 0.08, dark)
    if patched and blazed:
        pen.soft(_mirrored([(0.15, -0.95), (0.15, -0.4), (0.5, 0.5), (0.3, 0.9)]), marking)
    elif patched:
        ragged = _CIRCLE[::5] * rng.uniform(0.8, 1.2, (8, 1)) * (0.48, 0.55)
        pen.moved(rng.choice((-0.42, 0.42)), -0.18).soft(ragged, marking)
        for radius, angle, r in rng.uniform((0.3, 0, 0.05), (0.7, 2 * np.pi, 0.14), (5, 3)):
            pen.blob(radius * np.cos(angle), radius * np.sin(angle), r, r, marking)


def _eyes(pen: _Pen, rng: Generator, odds: _Odds) -> None:
    """A pair of eyes that look the same way, now and then happily closed."""
    iris, r, apart = _pick(rng, _IRISES, odds.iris), rng.normal(*odds.eye), rng.uniform(0.38, 0.48)
    closed, slit = rng.random(2) < (0.07, odds.slit)
    pupil = rng.uniform(0.5, 0.72) * r
    look, slant = rng.normal(0, 0.15) * r, rng.uniform(-0.1, 0.3)
    lid = np.array([(-1.15, 0.5), (-0.6, -0.8), (0.5, -1.15), (1.3, -0.5), (0.7, 0.9), (-0.5, 1.1)])
    lid = r * (lid - slant * lid[:, :1] * (0, 1))
    for side in (-1, 1):
        eye = pen.moved(side * apart, -0.15)
        if closed:
            eye.curve([(-r, 0), (0, -1.1 * r), (r, 0)], 0.07, _INK)
        else:
            eye.soft(lid * (side * 1.25, 1.25), _INK)
            eye.soft(lid * (side, 1), iris)
            eye.blob(look, 0, pupil * (0.4 if slit else 1), pupil * (1.25 if slit else 1), _INK)
            eye.blob(look - 0.3 * r, -0.35 * r, 0.22 * r, 0.22 * r, _WHITE)


def _muzzle(pen: _Pen, rng: Generator, odds: _Odds, coat: Colour, snout: float) -> None:
    """Bridge, chin, tongue and the two pads with the mouth's w between them."""
    pale, pad = _mix(coat, _WHITE, rng.uniform(0.1, 0.7)), 0.22 + 0.13 * snout
    pen.blob(0, 1.9 * pad, 0.6 * pad + 0.05, 0.7 * pad, _mix(pale, _INK, 0.12))
    if rng.random() < odds.tongue:
        drop = rng.uniform(0.35, 0.6)
        tongue = _mirrored([(0.17, 0), (0.2, drop), (0.08, 1.2 * drop)])
        at = pen.moved(0, 1.5 * pad)
        at.soft(tongue * 1.2, _mix(_PINK, _INK, 0.5))
        at.soft(tongue, _mix(_PINK, (225, 70, 90), 0.5))
    pen.blob(0, -0.1, 0.17 + 0.17 * snout, 0.2 + 0.3 * snout, pale)
    for grown, tone in ((0.03, _mix(coat, _INK, 0.25)), (0.0, pale)):
        for side in (-1, 1):
            pen.blob(side * pad * 0.85, pad, pad * 1.1 + grown, pad + grown, tone)
    for side in (-1, 1):
        end = (side * pad * 1.3, pad * 1.55)
        pen.curve([(0, pad * 0.9), (side * pad * 0.5, pad * 2.3), end], 0.05, _INK)
        for x, y in rng.uniform((0.5, 0.6), (1.4, 1.3), (3, 2)) * pad:
            pen.blob(side * x, y, 0.02, 0.02, _mix(pale, _INK, 0.5))


def _nose(pen: _Pen, rng: Generator, odds: _Odds, snout: float) -> None:
    """A nose from a small triangle to a large oval, and whiskers beside it."""
    wide, tall = 0.13 + 0.13 * snout, 0.09 + 0.11 * snout
    colour = _PINK if rng.random() > 0.45 + 0.6 * snout else _INK
    half = [(0.6, -1.2), (1.3, -1.0), (1.2, 0.7 * snout), (0.15 + 0.65 * snout, 1.2)]
    pen.curve([(0, 0), (0, tall), (0, tall + 0.12)], 0.05, _INK)
    pen.soft(_mirrored(half) * (wide, tall) * 1.2, _INK)
    pen.soft(_mirrored(half) * (wide, tall), colour)
    pen.blob(-0.35 * wide, -0.45 * tall, 0.25 * wide, 0.2 * tall, _mix(colour, _WHITE, 0.6))
    if rng.random() < odds.whiskers:
        tone = _WHITE if rng.random() < 0.6 else _INK
        for side in (-1, 1):
            for rise in rng.normal((-0.2, 0.0, 0.2), 0.05):
                tip = (side * rng.uniform(1.1, 1.5), 0.15 + rise * 1.6)
                pen.curve([(side * 0.3, 0.2 + rise * 0.4), (side * 0.7, rise), tip], 0.025, tone)


def _obstacle(pen: _Pen, rng: Generator) -> None:
    """A plank, a leaf or a ball in front of some part of the face."""
    (x, y), turn, colour = rng.uniform(-1, 1, 2), rng.uniform(0, np.pi), _any(rng, 40)
    at = pen.moved(x, y, turn)
    match rng.integers(3):
        case 0:
            at.box(-6, -0.2, 6, 0.2, _mix(colour, _INK, 0.3))
            at.box(-6, -0.17, 6, 0.12, colour)
        case 1:
            green = _mix(colour, (80, 150, 70), 0.7)
            at.soft(_mirrored([(0.02, -1.1), (0.6, -0.2), (0.5, 0.4), (0.02, 0.9)]), green)
            at.curve([(0, -0.8), (0.05, 0), (0, 1.1)], 0.05, _mix(green, _INK, 0.4))
        case _:
            at.blob(0, 0, 0.45, 0.45, colour)
            at.curve([(-0.42, 0), (0, 0.3), (0.42, 0)], 0.08, _WHITE)


def _photograph(image: Image.Image, rng: Generator, size: int) -> NDArray[np.uint8]:
    """A canvas as a (size, size, 3) picture: focus, contrast, light from one side, and grain."""
    small = image.resize((size, size), Image.Resampling.LANCZOS)
    if rng.random() < 0.5:
        small = small.filter(ImageFilter.GaussianBlur(rng.uniform(0.002, 0.009) * size))
    across = np.linspace(-1, 1, size, dtype=np.float32)[:, None]
    slope_x, slope_y = rng.uniform(-0.25, 0.25, 2)
    light = rng.uniform(0.88, 1.12) + slope_x * across + slope_y * across[:, None]
    picture = (np.asarray(small, dtype=np.float32) - 128) * rng.uniform(0.7, 1.15) + 128
    grain = rng.standard_normal((size, size, 3), dtype=np.float32) * rng.uniform(1, 8)
    rounded: NDArray[np.uint8] = np.clip(picture * light + grain, 0, 255).astype(np.uint8)
    return rounded


def draw_face(kind: Kind, *, size: int, seed: int) -> NDArray[np.uint8]:
    """One drawn face, (size, size, 3) uint8 RGB, a function of its arguments alone."""
    rng, odds = np.random.default_rng([seed, KINDS.index(kind)]), _ODDS[kind]
    coat = _colour(rng.normal(0, 14) + rng.normal(_pick(rng, _COATS, odds.coat), 4))
    snout = float(np.clip(rng.normal(*odds.snout), 0, 1))
    ears = rng.choice(_EARS, p=odds.ears)

    side = max(192, 2 * size)  # drawn large, so that shrinking smooths the edges
    image = _scene(rng, side)
    centre = side * rng.uniform((0.36, 0.41), (0.64, 0.69))
    head = _Pen(image, side * rng.uniform(0.23, 0.36), rng.uniform(-0.43, 0.43), centre)
    face = head.moved(rng.uniform(-0.16, 0.16), rng.uniform(-0.06, 0.06))
    nose = face.moved(0, 0.2 + 0.14 * snout)

    _body(head, rng, coat)
    if ears in ("pointed", "tipped"):
        _standing_ears(head, rng, coat, tipped=ears == "tipped")
    _head(head, rng, coat, snout)
    _markings(face, rng, odds, coat)
    _muzzle(nose, rng, odds, coat, snout)
    _eyes(face, rng, odds)
    _nose(nose, rng, odds, snout)
    if ears == "floppy":
        _floppy_ears(head, rng, coat)
    if ears == "under a hat":
        _hat(head, rng)
    if rng.random() < 0.25:
        _obstacle(head, rng)
    return _photograph(image, rng, size)


def draw_faces(count_per_class: int, *, size: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """images_NHWC uint8 and labels_N (0 cat, 1 dog), classes alternating: cat, dog, cat, dog …"""
    labels_N = np.arange(2 * count_per_class, dtype=np.int64) % 2
    images_NHWC = np.empty((len(labels_N), size, size, 3), dtype=np.uint8)
    for i, label in enumerate(labels_N):
        face_seed = int(np.random.SeedSequence([seed, i]).generate_state(1, np.uint64)[0])
        images_NHWC[i] = draw_face(KINDS[label], size=size, seed=face_seed)
    return images_NHWC, labels_N

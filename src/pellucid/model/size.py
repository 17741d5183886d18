"""The arithmetic of map sizes."""

from collections.abc import Callable
from itertools import count

from pellucid.errors import ImageTooSmallError


def check_size(net: str, image_shape: tuple[int, int, int], last_map: Callable[[int], int]) -> None:
    """Raise ImageTooSmallError where ``last_map(side)``, the last map's side, is below 1."""
    side = min(image_shape[1:])
    if last_map(side) < 1:
        smallest = next(s for s in count(side + 1) if last_map(s) >= 1)
        raise ImageTooSmallError(net, side, smallest)

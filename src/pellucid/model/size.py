"""The arithmetic of map sizes."""

from bisect import bisect_left
from collections.abc import Callable

from pellucid.errors import ImageTooSmallError, UserError

MAX_SIDE = 4096  # pixels a side


def check_size(net: str, image_shape: tuple[int, int, int], last_map: Callable[[int], int]) -> None:
    """Raise ImageTooSmallError where ``last_map(side)``, the last map's side, is below 1.

    UserError where it is for images of any size.
    """
    side = min(image_shape[1:])
    if last_map(side) >= 1:
        return
    smallest = bisect_left(range(MAX_SIDE + 1), 1, lo=side, key=last_map)
    if smallest > MAX_SIDE:
        raise UserError(
            f"{net} shrinks even images of {MAX_SIDE} pixels a side to nothing. Use fewer layers."
        )
    raise ImageTooSmallError(net, side, smallest)

"""Photos kept whole, each of its own size: what a net sees of them, and crops of them, in whole batches.

Axes: M photos of a store, B of a batch, P values of all photos, H × W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.data.fitting import centre


class WholePhotos:
    """A store of whole photos, read as if it were the tensor (M, C, H, W) uint8 of what a net sees of them.

    ``pixels_P`` are the photos one after another, each (height, width, C) uint8, their ``sizes_M2`` heights
    and widths, int64. ``store[rows_B]`` are those photos' centres of the height and width of ``image_shape``,
    (C, H, W), which none is smaller than; ``crops`` are parts of them, resized. Raises ValueError where
    pixels and sizes do not fit together.
    """

    dtype, ndim = torch.uint8, 4

    def __init__(self, pixels_P: Tensor, sizes_M2: Tensor, image_shape: tuple[int, int, int]) -> None:
        channels, height, width = image_shape
        if len(sizes_M2) and bool((sizes_M2 < torch.tensor([height, width])).any()):
            raise ValueError(f"photos smaller than {height} x {width}")
        ends_M = sizes_M2.prod(dim=1).cumsum(dim=0) * channels
        if pixels_P.ndim != 1 or len(pixels_P) != (int(ends_M[-1]) if len(ends_M) else 0):
            raise ValueError("as many values as the photos' sizes say are not there")
        self.pixels_P, self.sizes_M2, self.image_shape = pixels_P, sizes_M2, image_shape
        self.starts_M = ends_M - sizes_M2.prod(dim=1) * channels

    @property
    def shape(self) -> torch.Size:
        """(M, C, H, W), of what a net sees."""
        return torch.Size([len(self), *self.image_shape])

    @property
    def device(self) -> torch.device:
        """Where the pixels lie."""
        return self.pixels_P.device

    @property
    def nbytes(self) -> int:
        """Of all pixels."""
        return self.pixels_P.nbytes

    def __len__(self) -> int:
        return len(self.sizes_M2)

    def to(self, device: torch.device) -> WholePhotos:
        """The same with its pixels on the device."""
        return WholePhotos(self.pixels_P.to(device), self.sizes_M2, self.image_shape)

    def __getitem__(self, rows_B: Tensor) -> Tensor:
        """What a net sees of those photos, (B, C, H, W) uint8, on the store's device."""
        _, height, width = self.image_shape
        sizes_B2 = self.sizes_M2[rows_B.cpu()]
        corners = [(centre(high, height), centre(wide, width)) for high, wide in sizes_B2.tolist()]
        boxes_B4 = torch.tensor([[*corner, height, width] for corner in corners], dtype=torch.int64)
        return self._parts(rows_B.cpu(), boxes_B4.view(-1, 4), (height, width))

    def crops(
        self,
        rows_B: Tensor,
        boxes_B4: Tensor,
        size: tuple[int, int],
        flipped_B: Tensor | None = None,
    ) -> Tensor:
        """Parts of those photos at ``size``, (B, C, height, width) uint8, on the store's device.

        ``boxes_B4``: top, left, height and breadth of each, as shares of its photo's, in [0, 1]; rounded to
        whole pixels, one at least. Bilinear, antialiased where they shrink; mirrored where ``flipped_B`` is.
        """
        rows_B = rows_B.cpu()
        sizes_B2 = self.sizes_M2[rows_B].double()
        corners_B2, extents_B2 = (boxes_B4.cpu().double() * sizes_B2.repeat(1, 2)).tensor_split(2, dim=1)
        extents_B2 = extents_B2.round().clamp(min=1).minimum(sizes_B2)
        corners_B2 = corners_B2.round().clamp(min=0).minimum(sizes_B2 - extents_B2)
        boxes_B4 = torch.cat([corners_B2, extents_B2], dim=1).long()
        return self._parts(rows_B, boxes_B4, size, flipped_B)

    def _parts(
        self, rows_B: Tensor, boxes_B4: Tensor, size: tuple[int, int], flipped_B: Tensor | None = None
    ) -> Tensor:
        if self.device.type == "cpu":
            flips = [False] * len(rows_B) if flipped_B is None else flipped_B.tolist()
            return self._one_by_one(rows_B, boxes_B4, size, flips)
        parts_BCHW = self._at_once(rows_B, boxes_B4, size)
        if flipped_B is None:
            return parts_BCHW
        flipped_B111 = flipped_B.to(self.device).view(-1, 1, 1, 1)
        return torch.where(flipped_B111, parts_BCHW.flip(-1), parts_BCHW)

    def _one_by_one(
        self, rows_B: Tensor, boxes_B4: Tensor, size: tuple[int, int], flips: Sequence[bool]
    ) -> Tensor:
        """On a CPU torch resizes bytes faster one by one than floats at once, as no photo is padded."""
        channels = self.image_shape[0]
        parts_BCHW = torch.empty((len(rows_B), channels, *size), dtype=torch.uint8)
        starts, sizes = self.starts_M[rows_B].tolist(), self.sizes_M2[rows_B].tolist()
        for part_CHW, start, (high, wide), (above, left, rows, columns), flip in zip(
            parts_BCHW, starts, sizes, boxes_B4.tolist(), flips, strict=True
        ):
            photo_HWC = self.pixels_P[start : start + high * wide * channels].view(high, wide, channels)
            box_HWC = photo_HWC[above : above + rows, left : left + columns]
            box_CHW = (box_HWC.flip(1) if flip else box_HWC).permute(2, 0, 1)
            part_CHW.copy_(box_CHW if (rows, columns) == size else _interpolated(box_CHW, size))
        return parts_BCHW

    def _at_once(self, rows_B: Tensor, boxes_B4: Tensor, size: tuple[int, int]) -> Tensor:
        """Elsewhere the batch is gathered, padded to its largest part, and resized by two products."""
        channels, device = self.image_shape[0], self.device
        rows, columns = (int(side) for side in boxes_B4[:, 2:].amax(dim=0)) if len(rows_B) else size
        starts_B, wide_B = self.starts_M[rows_B].to(device), self.sizes_M2[rows_B, 1].to(device)
        boxes_B4 = boxes_B4.to(device)
        above_B, left_B, high_B, breadth_B = boxes_B4.unbind(1)
        down_BH = torch.arange(rows, device=device).minimum(high_B[:, None] - 1) + above_B[:, None]
        right_BW = torch.arange(columns, device=device).minimum(breadth_B[:, None] - 1) + left_B[:, None]
        pixel_BHW = down_BH[:, :, None] * wide_B[:, None, None] + right_BW[:, None, :]
        first_BHW = starts_B[:, None, None] + channels * pixel_BHW
        padded_BCHW = torch.stack([self.pixels_P[first_BHW + c] for c in range(channels)], dim=1)
        if bool(((high_B == size[0]) & (breadth_B == size[1])).all()):
            return padded_BCHW
        down_BHR = _weights(high_B, rows, size[0])
        right_BWR = _weights(breadth_B, columns, size[1])
        resized_BCHW = down_BHR[:, None] @ padded_BCHW.float() @ right_BWR[:, None].transpose(2, 3)
        return resized_BCHW.round_().clamp_(0, 255).byte()


def _interpolated(pixels_CHW: Tensor, size: tuple[int, int]) -> Tensor:
    resized_1CHW = functional.interpolate(pixels_CHW[None], size=size, mode="bilinear", antialias=True)
    return resized_1CHW[0]


def _weights(extents_B: Tensor, most: int, size: int) -> Tensor:
    """What each of ``size`` pixels takes of each of so many, (B, size, ``most``), of which the first of
    ``extents_B`` are resized: a triangle, as broad as a pixel of the result where that is coarser.
    """
    scale_B = extents_B.float() / size
    centre_BS = (torch.arange(size, device=extents_B.device) + 0.5) * scale_B[:, None]
    place_R = torch.arange(most, device=extents_B.device) + 0.5
    distance_BSR = (place_R - centre_BS[:, :, None]) / scale_B.clamp(min=1)[:, None, None]
    weights_BSR = (1 - distance_BSR.abs()).clamp(min=0) * (place_R < extents_B[:, None, None])
    return weights_BSR / weights_BSR.sum(dim=2, keepdim=True)


def sizes_of(photos: Sequence[tuple[int, int]]) -> Tensor:
    """Heights and widths as a tensor, (M, 2) int64."""
    return torch.tensor(photos, dtype=torch.int64).view(-1, 2)

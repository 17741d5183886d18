"""Images that are made to excite a unit: activation maximisation.

Erhan et al., "Visualizing higher-layer features of a deep network", 2009; from noise in the frequencies of
the image and in decorrelated colours, with jitter, after Olah, Mordvintsev and Schubert, "Feature
visualization", Distill 2017.

Axes: B units at once, C channels, H × W pixels, F frequencies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.inside.units import UnitLayer
from pellucid.spec import Spec
from pellucid.system.seeding import derive, generator

BATCH_SIZE = 16  # units
STARTS = 64  # noises, of which each unit starts from the one that it likes best
RATE, BEGIN = 0.2, 0.5  # Adam's; standard deviation of the noise before the sigmoid
JITTER = 16  # of the patch's side: it moves by up to that part of it
# Square root of the colours' covariance over natural photos, as Olah et al. have it, normed.
COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
COLOUR_NORM = 0.4619  # of its longest column


@dataclass(frozen=True)
class ActivationMaxima:
    """uint8 images (B, C, H, W) and the activation that each gives, as it is shown."""

    images_BCHW: Tensor
    value_B: Tensor


def middle(layer: UnitLayer) -> int:
    """The place in the middle of a layer's map: its part of an image is cut by no edge, if any is not."""
    position = 0
    for side in layer.map_shape:
        position = position * side + side // 2
    return position


def maximize_activations(
    net: nn.Module,
    layer: UnitLayer,
    units: Sequence[int],
    positions: Sequence[int],
    spec: Spec,
    *,
    patch: int,
    steps: int,
    seed: int,
    advance: Callable[[int], None],
) -> ActivationMaxima:
    """For each unit an image that excites it at its place of the map, the same for the same seed.

    ``patch``: pixels of a side of what a unit sees. Calls ``advance`` with the number of units now done.
    Run it within ``preserve_state``. A unit that no noise moves keeps noise.
    """
    images, values = [], []
    noise = _noise(spec, seed)
    start_A = _starts(net, layer, torch.tensor(units), torch.tensor(positions), spec, noise)
    for batch in torch.split(torch.arange(len(units)), BATCH_SIZE):
        unit_B, position_B = torch.tensor(units)[batch], torch.tensor(positions)[batch]
        spectra = noise[start_A[batch]].to(_device(net)).requires_grad_()
        _climb(net, layer, unit_B, position_B, spec, spectra, patch=patch, steps=steps, seed=seed)
        with torch.no_grad():
            shown_BCHW = _pixels(spectra, spec).mul(255).round().to(torch.uint8)
            outputs_BUP = layer.outputs(net, spec.normalise(shown_BCHW))
        values.append(_of(outputs_BUP, unit_B, position_B).float().cpu())
        images.append(shown_BCHW.cpu())
        advance(len(batch))
    return ActivationMaxima(torch.cat(images), torch.cat(values))


def _climb(
    net: nn.Module,
    layer: UnitLayer,
    unit_B: Tensor,
    position_B: Tensor,
    spec: Spec,
    spectra: Tensor,
    *,
    patch: int,
    steps: int,
    seed: int,
) -> None:
    optimizer = torch.optim.Adam([spectra], lr=RATE)
    for down, right in _jitter(patch // JITTER, steps, seed):
        pixels_BCHW = _pixels(spectra, spec).roll((down, right), dims=(2, 3))  # its frequencies have no edge
        outputs_BUP = layer.outputs(net, spec.normalise(255 * pixels_BCHW), rising=True)
        score = _of(outputs_BUP, unit_B, position_B).sum()  # images do not mix: each has its own gradient
        (spectra.grad,) = torch.autograd.grad(score, [spectra])
        spectra.grad.neg_()
        optimizer.step()


def _of(outputs_BUP: Tensor, unit_B: Tensor, position_B: Tensor) -> Tensor:
    """Of each image its own unit at its own place."""
    device = outputs_BUP.device
    return outputs_BUP[torch.arange(len(unit_B), device=device), unit_B.to(device), position_B.to(device)]


def _jitter(limit: int, steps: int, seed: int) -> Iterator[list[int]]:
    moves = torch.randint(-limit, limit + 1, (steps, 2), generator=generator(seed, "jitter"))
    yield from moves.tolist()


def _noise(spec: Spec, seed: int) -> Tensor:
    """Starts, complex spectra (STARTS, C, H, F) as (…, 2) real numbers."""
    channels, height, width = spec.image_shape
    shape = (STARTS, channels, height, width // 2 + 1, 2)
    return torch.randn(shape, generator=torch.Generator().manual_seed(derive(seed, "noise")))


@torch.no_grad()
def _starts(
    net: nn.Module, layer: UnitLayer, unit_A: Tensor, position_A: Tensor, spec: Spec, noise: Tensor
) -> Tensor:
    """For each unit the start that excites it most: at others it may have no gradient at all."""
    values = []
    for batch in torch.split(noise, BATCH_SIZE):
        pixels_BCHW = _pixels(batch.to(_device(net)), spec)
        outputs_BUP = layer.outputs(net, spec.normalise(255 * pixels_BCHW), rising=True)
        values.append(outputs_BUP[:, unit_A, position_A].float().cpu())
    return torch.cat(values).argmax(dim=0)


def _pixels(spectra: Tensor, spec: Spec) -> Tensor:
    """Images in (0, 1): low frequencies weigh more, as they do in photos, and colours go together."""
    channels, height, width = spec.image_shape
    rows_H1 = torch.fft.fftfreq(height, device=spectra.device)[:, None]
    columns_F = torch.fft.rfftfreq(width, device=spectra.device)
    scale_HF = 1 / (rows_H1**2 + columns_F**2).sqrt().clamp(min=1 / max(height, width))
    waves_BCHW = torch.fft.irfft2(torch.view_as_complex(spectra) * scale_HF, s=(height, width), norm="ortho")
    scale = BEGIN / (2 * scale_HF.square().mean()).sqrt()
    if channels == 3:
        mix = torch.tensor(COLOURS, device=spectra.device) / COLOUR_NORM
        waves_BCHW = torch.einsum("dc,bchw->bdhw", mix, waves_BCHW)
    images_BCHW: Tensor = (waves_BCHW * scale).sigmoid()
    return images_BCHW


def _device(net: nn.Module) -> torch.device:
    return next((parameter.device for parameter in net.parameters()), torch.device("cpu"))

"""A net ready to be looked at: on its device, in its precision, with what is known of its images.

Axes: B images, C channels, H × W pixels, D embedding, K classes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.inside.embedding import EMBED, embedding, last_linear, overheard
from pellucid.inside.hooks import captured
from pellucid.inside.images import Images
from pellucid.inside.pixels import to_rgb
from pellucid.inside.preserve_state import preserve_state
from pellucid.spec import Spec, prepare

Interpret = Callable[[Tensor, Tensor, Tensor | None], Mapping[str, Tensor]]  # images, output, labels


def dtype_of(net: nn.Module) -> torch.dtype:
    """What a net's parameters are in; float32 where it has none."""
    return next((p.dtype for p in net.parameters() if p.is_floating_point()), torch.float32)


@dataclass(frozen=True)
class Predictor:
    """A net in evaluation mode on its device, and what is known of the images that it takes.

    ``net``: as written, whose layers can be hooked. ``interpret``: what the net's output says of images, see
    ``Task.predictions``. ``precision``: the context of mixed precision that the net runs in. ``read``: what
    of the net's output is meant, a tensor (B, …); none: the output is one. ``give``: images in the shape
    that the net takes; none: (B, C, H, W).
    """

    net: nn.Module
    spec: Spec
    device: torch.device
    interpret: Interpret
    precision: Callable[[], AbstractContextManager[Any]] = nullcontext
    read: Callable[[Any], Tensor] | None = None
    give: Callable[[Tensor], Tensor] | None = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Within, the net takes images and gives what is meant of its output, to all who call it; no hook is
        left.
        """
        read, give, handles = self.read, self.give, []
        if read is not None:
            handles.append(self.net.register_forward_hook(lambda net, inputs, output: read(output)))
        if give is not None:
            handles.append(self.net.register_forward_pre_hook(lambda net, inputs: give(*inputs)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @property
    def dtype(self) -> torch.dtype:
        """What the net's parameters are in: float32, or half once it was run with ``bf16-true``."""
        return dtype_of(self.net)

    def inputs(self, pixels_BCHW: Tensor) -> Tensor:
        """uint8 pixels as the net takes them: resized, normalised, float32, on the device; floats are so."""
        pixels_BCHW = pixels_BCHW.to(self.device)
        return pixels_BCHW if pixels_BCHW.is_floating_point() else prepare(pixels_BCHW, self.spec)

    def black(self, count: int = 1) -> Tensor:
        """So many black images as the net takes them, (count, C, H, W); zeros where it is not known."""
        if not self.spec.mean:
            return torch.zeros(count, *self.spec.image_shape, device=self.device)
        return self.inputs(torch.zeros(count, *self.spec.image_shape, dtype=torch.uint8))

    @torch.no_grad()
    def run(self, inputs_BCHW: Tensor) -> Tensor:
        """What the net gives, float32."""
        with self.precision():
            output: Tensor = self.net(inputs_BCHW.to(self.dtype))
        return output.float()

    def predictions(self, inputs_BCHW: Tensor, labels_B: Tensor | None = None) -> dict[str, Tensor]:
        """What is predicted of each image, by name, on the CPU: (B,), or (B, K)."""
        values = self.interpret(inputs_BCHW, self.run(inputs_BCHW), labels_B)
        return {name: value.cpu() for name, value in values.items()}

    def embed(self, inputs_BCHW: Tensor, layer: str = EMBED) -> Tensor:
        """(B, D): what the layer makes of each image, float32 on the CPU; the net is left as it is.

        Raises UserError for a layer that gives no vector an image.
        """
        with preserve_state(self.net) as net, torch.no_grad(), self.precision():
            return embedding(net, layer, inputs_BCHW.to(self.dtype)).float().cpu()

    def embed_all(self, batches: Iterable[Images], layer: str = EMBED) -> Tensor:
        """(N, D): ``embed`` of all images of the batches."""
        with preserve_state(self.net) as net, torch.no_grad(), self.precision():
            return torch.cat(
                [
                    embedding(net, layer, self.inputs(images.pixels_BCHW).to(self.dtype)).float().cpu()
                    for images in batches
                ]
            )

    @contextmanager
    def overheard(self) -> Iterator[list[Tensor]]:
        """What the last linear layer sees of each batch that others run within, (B, D): of most nets what
        ``embed`` gives. Nothing of a net without such a layer.
        """
        with preserve_state(self.net) as net, torch.no_grad(), self.precision():
            linear = last_linear(net, self.black().to(self.dtype))
        if linear is None:
            yield []
            return
        with overheard(linear) as vectors:
            yield vectors

    def outputs(self, inputs_BCHW: Tensor, layers: Sequence[str]) -> tuple[dict[str, Tensor], Tensor]:
        """What those layers give, float32 on the CPU, and the net's output; the net is left as it is."""
        with self.watched(layers) as outputs:
            output = self.run(inputs_BCHW)
        return {name: outputs[name].float().cpu() for name in layers if name in outputs}, output

    @contextmanager
    def watched(self, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
        """Outputs of those layers as the net runs within; the net is left as it is."""
        with preserve_state(self.net) as net, captured(net, layers) as outputs:
            yield outputs

    def shown(self, inputs_BCHW: Tensor) -> np.ndarray:
        """What is shown of images as the net takes them: uint8 RGB, (B, H, W, 3)."""
        return to_rgb(self.spec, inputs_BCHW)

    def pixels(self, images: Images) -> np.ndarray:
        """What is shown of images: as the net receives them, uint8 RGB, (B, H, W, 3)."""
        return self.shown(self.inputs(images.pixels_BCHW))

    @cached_property
    def _predicted(self) -> frozenset[str]:
        """Names of what is predicted of each image."""
        return frozenset(self.predictions(self.black(2)))

    @property
    def has_classes(self) -> bool:
        """Whether a class is predicted of each image."""
        return "predicted" in self._predicted

    @property
    def has_labels(self) -> bool:
        """Whether several labels are predicted of each image."""
        return "scores" in self._predicted

    @property
    def has_numbers(self) -> bool:
        """Whether numbers are predicted of each image."""
        return "numbers" in self._predicted

    @property
    def has_score(self) -> bool:
        """Whether a number is predicted of each image that somebody has named to be explained."""
        return "score" in self._predicted

    @property
    def has_outputs(self) -> bool:
        """Whether each of the net's outputs is of a class, a label or a number by name."""
        return self.has_classes or self.has_labels or self.has_numbers

    @cached_property
    def reconstructs(self) -> bool:
        """Whether the net gives images again, of which an error is predicted."""
        black_BCHW = self.black(2)
        output = self.run(black_BCHW)
        return output.shape == black_BCHW.shape and "mse" in self.interpret(black_BCHW, output, None)

    @cached_property
    def seconds_per_image(self) -> float:
        """How long the net looks at one image, measured on black ones."""
        black_BCHW = self.black(2)
        self.run(black_BCHW[:1])  # what is done at the first time only
        start = time.perf_counter()
        self.run(black_BCHW)
        return (time.perf_counter() - start) / 2

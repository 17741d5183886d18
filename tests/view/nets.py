"""Nets whose predictions, embeddings and codes can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.spec import Spec


def brightness(predictor_of: str = "classes") -> Predictor:
    """Of images of one pixel: a net that hands them on, and says 1 of those above a half."""

    def interpret(images_B111: Tensor, output: Tensor, labels: Tensor | None) -> Mapping[str, Tensor]:
        bright_B = output.flatten(1)[:, 0]
        if predictor_of == "errors":
            return {"mse": (bright_B - 0.5).square()}
        probabilities_BK = torch.stack([1 - bright_B, bright_B], dim=1)
        return {
            "predicted": (bright_B > 0.5).long(),
            "confidence": probabilities_BK.amax(dim=1),
            "probabilities": probabilities_BK,
        }

    net = nn.Sequential(nn.Flatten(), nn.Identity()).eval()
    spec = Spec(image_shape=(1, 1, 1), classes=("dark", "bright"), mean=(0.0,), std=(1.0,), statistics="none")
    return Predictor(net, spec, torch.device("cpu"), interpret)


def images(*values: int, labels: tuple[int, ...] | None = None) -> Images:
    labels_B = torch.tensor(labels or [int(value > 127) for value in values])
    files = [f"{value}.png" for value in values]
    return Images(
        torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1), labels_B, files, ["x"] * len(files)
    )


class Halves(nn.Module):
    """Codes of the two pixels; what is decoded is half as bright."""

    def encode(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.flatten(1)

    def decode(self, latent_BD: Tensor) -> Tensor:
        return latent_BD.view(-1, 1, 1, 2) / 2

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self.decode(self.encode(images_BCHW))


def halves() -> Predictor:
    def interpret(images_BCHW: Tensor, output: Tensor, labels_B: Tensor | None) -> Mapping[str, Tensor]:
        return {"mse": (output - images_BCHW).square().flatten(1).mean(dim=1)}

    spec = Spec(image_shape=(1, 1, 2), classes=("a",), mean=(0.0,), std=(1.0,), statistics="none")
    return Predictor(Halves().eval(), spec, torch.device("cpu"), interpret)


def batches(*pixels: tuple[int, int]) -> Iterator[Images]:
    for pair in pixels:
        yield Images(torch.tensor(pair, dtype=torch.uint8).view(1, 1, 1, 2), torch.zeros(1), ["f"], ["a"])

"""A net ready to be looked at, worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.spec import Spec


class Doubles(nn.Module):
    """Twice the image, by a layer in which an image is a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.twice = nn.Flatten(), nn.Linear(2, 2, bias=False)
        self.twice.weight.data = 2 * torch.eye(2)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        output: Tensor = self.twice(self.flat(images_BCHW)).view(-1, 1, 1, 2)
        return output


def predictor(**given: Any) -> Predictor:
    def interpret(images: Tensor, output: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        error_B = (output - images).square().flatten(1).mean(dim=1)
        return {"mse": error_B} | ({} if labels is None else {"loss": error_B + labels})

    spec = Spec((1, 1, 2), ("a", "b"), (0.5,), (0.5,), "none")
    return replace(Predictor(Doubles().eval(), spec, torch.device("cpu"), interpret), **given)


def pixels(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 2)


def test_pixels_are_normalised_and_resized() -> None:
    assert predictor().inputs(pixels(0, 255)).tolist() == [[[[-1, 1]]]]
    assert predictor().inputs(torch.zeros(1, 1, 3, 4, dtype=torch.uint8)).tolist() == [[[[-1, -1]]]]
    assert predictor().black(2).tolist() == [[[[-1, -1]]]] * 2
    assert predictor().shown(torch.tensor([[[[-1.0, 1.0]]]]))[0, 0].tolist() == [[0] * 3, [255] * 3]
    images = Images(pixels(0, 255), torch.zeros(1), ["f"], ["a"])
    assert predictor().pixels(images)[0, 0].tolist() == [[0] * 3, [255] * 3]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_whatever_the_nets_precision_outputs_are_float32(dtype: torch.dtype) -> None:
    seen = predictor(net=Doubles().eval().to(dtype))
    assert seen.dtype == dtype
    inputs = torch.tensor([[[[1.0, -1.0]]]])
    for values in (seen.run(inputs), seen.embed(inputs, "twice"), seen.outputs(inputs, ["flat"])[0]["flat"]):
        assert values.dtype == torch.float32
        assert not values.requires_grad
    assert seen.run(inputs).tolist() == [[[[2, -2]]]]
    assert seen.embed(inputs, "twice").tolist() == [[2, -2]]


def test_it_runs_in_the_precision_that_it_is_given() -> None:
    entered = list[str]()

    @contextmanager
    def precision() -> Iterator[None]:
        entered.append("in")
        yield
        entered.append("out")

    seen = predictor(precision=precision)
    seen.run(seen.black())
    seen.embed(seen.black(), "flat")
    assert entered == ["in", "out"] * 2


def test_predictions_are_what_the_task_makes_of_the_output() -> None:
    inputs = torch.tensor([[[[1.0, 3.0]]]])
    assert predictor().predictions(inputs)["mse"].tolist() == [5]
    assert predictor().predictions(inputs, torch.tensor([1]))["loss"].tolist() == [6]


def test_what_kind_of_net_it_is() -> None:
    assert predictor().reconstructs
    assert not predictor().has_classes
    assert not predictor(net=nn.Flatten()).reconstructs, "no images again"
    one = predictor(interpret=lambda images, output, labels: {"predicted": output.flatten(1).argmax(dim=1)})
    assert one.has_classes
    assert not one.reconstructs, "no error"
    assert one.seconds_per_image > 0


def test_embeddings_of_batches_are_one_after_another() -> None:
    batches = [Images(pixels(*values), torch.zeros(1), ["f"], ["a"]) for values in ((0, 255), (255, 0))]
    assert predictor().embed_all(batches, "flat").tolist() == [[-1, 1], [1, -1]]


def test_layers_are_watched_and_the_net_is_left_as_it_was() -> None:
    net = Doubles().train()
    seen = predictor(net=net)
    outputs, output = seen.outputs(torch.tensor([[[[1.0, 2.0]]]]), ["twice", "flat"])
    assert {name: value.tolist() for name, value in outputs.items()} == {"twice": [[2, 4]], "flat": [[1, 2]]}
    assert output.tolist() == [[[[2, 4]]]]
    assert net.training
    assert not any(module._forward_hooks for module in net.modules())

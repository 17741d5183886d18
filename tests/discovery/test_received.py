"""What a net is given beside what its batch holds.

Axes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid.discovery.normalization import OWN_RANGE, Normalization
from pellucid.discovery.received import AS_IS, CALLS, ROWS, Listener, Received, described, relate

IMAGES = torch.rand(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))
BYTES = (IMAGES * 255).to(torch.uint8).float()
SCALE, SHIFT = torch.tensor([2.0, 3, 4]).view(-1, 1, 1), torch.tensor([-1.0, 0, 0.5]).view(-1, 1, 1)


@pytest.mark.parametrize(
    ("images", "inputs", "expected"),
    [
        (IMAGES, IMAGES, AS_IS),
        (IMAGES, IMAGES.double(), AS_IS),
        (IMAGES, IMAGES.bfloat16(), AS_IS),
        (BYTES, BYTES.to(torch.uint8), AS_IS),
        (IMAGES, torch.cat([IMAGES, IMAGES.flip(3)]), AS_IS),  # two views in one call
        (IMAGES, IMAGES.flatten(1), Received(shape=(108,))),
        (IMAGES, IMAGES[:, None], Received(shape=(1, 3, 6, 6))),
        (BYTES, BYTES / 255, Received((1 / 255,) * 3, (0.0,) * 3)),
        (IMAGES, IMAGES * SCALE + SHIFT, Received((2.0, 3.0, 4.0), (-1.0, 0.0, 0.5))),
        (IMAGES, (IMAGES * 2 - 1).bfloat16(), Received((2.0,) * 3, (-1.0,) * 3)),
        (BYTES, BYTES.flatten(1) / 255, Received((1 / 255,) * 3, (0.0,) * 3, (108,))),
    ],
)
def test_reshaped_and_scaled_images_are_recognised(
    images: Tensor, inputs: Tensor, expected: Received
) -> None:
    found = relate(images, inputs)
    assert found is not None
    tolerance = 1e-2 if inputs.dtype == torch.bfloat16 else 1e-5
    assert found.scale == pytest.approx(expected.scale, rel=tolerance)
    assert found.shift == pytest.approx(expected.shift, abs=tolerance)
    assert found.shape == expected.shape
    fed = found.reshape(found.values(images))
    torch.testing.assert_close(fed, inputs[: len(images)].float(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    "inputs",
    [
        IMAGES.flip(3),
        IMAGES.permute(0, 2, 3, 1),
        IMAGES + torch.randn(IMAGES.shape) / 10,
        IMAGES[..., :5],
        IMAGES[:, :1],
        IMAGES.repeat(1, 2, 1, 1),
        IMAGES[:2],
        1 - IMAGES,
        IMAGES.square(),
        IMAGES.clamp(max=0.7),
        torch.zeros_like(IMAGES),
        IMAGES * torch.tensor([1.0, 2, 3, 4]).view(-1, 1, 1, 1),  # each image by itself
        torch.randn(4, 108),
        IMAGES.flip(0),
    ],
)
def test_other_images_are_not(inputs: Tensor) -> None:
    assert relate(IMAGES, inputs) is None


def test_of_even_images_no_scale_is_known() -> None:
    even = torch.full((4, 3, 6, 6), 0.5)
    assert relate(even, even) == AS_IS
    assert relate(even, even / 2) is None


def test_the_normalisation_of_what_is_given_undoes_both() -> None:
    batch = Normalization((0.5, 0.4, 0.3), (0.2, 0.25, 0.5), "Normalize of torchvision")
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (batch.mean, batch.std))
    received = Received((2.0, 3.0, 4.0), (-1.0, 0.0, 0.5))
    given = received.values((IMAGES - mean) / std)
    found = received.normalization(batch)
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (found.mean, found.std))
    torch.testing.assert_close(given * std + mean, IMAGES)
    assert found.source.startswith("Normalize of torchvision")
    assert AS_IS.normalization(batch) is batch
    unknown = Normalization((), (), OWN_RANGE)
    assert received.normalization(unknown) is unknown


class Module(nn.Module):
    def __init__(self, make: Callable[[Any], Any] = lambda images: images) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.ReLU(inplace=True))
        self.make = make

    def forward(self, images: Tensor) -> Any:
        return self.net(self.make(images))


def heard(module: Module, *calls: Any, **named: Any) -> Listener:
    listener = Listener({"": module, "net": module.net})
    try:
        for call in calls:
            module(call)
        if named:
            module(**named)
    finally:
        listener.close()
    return listener


def test_the_first_net_that_was_given_the_images_is_found() -> None:
    both = heard(Module(lambda images: images * 2), IMAGES.clone())
    assert both.find(IMAGES, ["", "net"]) == ("", AS_IS)
    name, received = both.find(IMAGES, ["net"]) or ("", AS_IS)
    assert name == "net"
    assert received.scale == pytest.approx((2.0,) * 3)


def test_a_child_is_found_where_the_module_is_given_a_whole_batch() -> None:
    listener = heard(Module(operator.itemgetter("image")), {"image": IMAGES})
    assert listener.find(IMAGES, ["", "net"]) == ("net", AS_IS)


def test_named_arguments_count_and_a_step_called_through_the_module_does_not() -> None:
    assert heard(Module(), images=IMAGES).find(IMAGES, [""]) == ("", AS_IS)
    module = Module()
    listener = Listener({"": module})
    with pytest.raises(TypeError):
        module(IMAGES, 3)
    listener.close()
    assert listener.calls == {}


def test_one_call_of_several_suffices() -> None:
    listener = heard(Module(), torch.rand(4, 3, 6, 6), IMAGES * 2, IMAGES)
    assert listener.find(IMAGES, ["", "net"]) == ("", AS_IS)


def test_nothing_related_is_none_and_is_told() -> None:
    listener = heard(Module(), IMAGES.flip(3)[..., 1:] * 0 + 2)
    assert listener.find(IMAGES, ["", "net"]) is None
    assert listener.text(["", "net"]) == "(3, 6, 5) from 2 to 2"
    assert heard(Module()).text([""]) == "nothing"
    assert described(torch.tensor([[0.25], [3.0]])) == "(1,) from 0.25 to 3"


def test_what_is_kept_is_little_and_a_copy() -> None:
    many = torch.rand(3 * ROWS, 3, 6, 6) - 0.5
    before = many.clone()
    listener = heard(Module(), *[many] * (2 * CALLS))  # the net writes into what it is given
    calls = listener.calls["net"]
    assert len(calls) == CALLS
    assert torch.equal(calls[0], before[:ROWS])


def test_no_hook_stays() -> None:
    module = Module()
    heard(module, IMAGES)
    for part in module.modules():
        assert not part._forward_pre_hooks
        assert not part._forward_pre_hooks_with_kwargs


def test_a_net_compiled_in_place_is_not_listened_to() -> None:
    module = Module()
    module.net.compile(backend="eager")
    listener = Listener({"": module, "net": module.net})
    assert not module.net._forward_pre_hooks
    assert module._forward_pre_hooks
    listener.close()


def test_a_number_that_a_net_is_given_is_no_image() -> None:
    module = Module()
    assert heard(module, torch.tensor(0.5)).calls == {"": [], "net": []}
    assert heard(module, torch.rand(4)).calls == {"": [], "net": []}

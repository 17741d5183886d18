"""Stems for small images: how many places the first layers leave, by hand; the nets still train."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from pellucid.errors import ImageTooSmallError, UserError
from pellucid.model.stem import choose_stem, patch_side, shrink_stem
from pellucid.model.torchvision import TorchvisionClassifier
from tests.model.zoo import make

# The first layer, and how many places a side its maps and the last maps have, of images of 32 pixels.
SIDES = {
    "resnet18": ("conv1", 32, 4),
    "resnext50_32x4d": ("conv1", 32, 4),
    "densenet121": ("features.conv0", 32, 4),
    "googlenet": ("conv1.conv", 32, 4),
    "shufflenet_v2_x0_5": ("conv1.0", 32, 4),
    "squeezenet1_1": ("features.0", 32, 8),
    "alexnet": ("features.0", 32, 15),
    "mobilenet_v2": ("features.0.0", 32, 2),
    "mobilenet_v3_small": ("features.0.0", 32, 2),
    "mnasnet0_5": ("layers.0", 32, 2),
    "efficientnet_b0": ("features.0.0", 32, 2),
    "regnet_x_400mf": ("stem.0", 32, 2),
    "convnext_tiny": ("features.0.0", 32, 4),
}


@pytest.mark.parametrize("arch", SIDES)
def test_how_many_places_are_left(arch: str) -> None:
    name, first, last = SIDES[arch]
    net = make(arch, 32, stem="small").eval()
    assert net.stem == "small"
    sides: dict[str, int] = {}

    def note(key: str, maps: object) -> None:
        if isinstance(maps, Tensor) and maps.ndim == 4:
            sides[key] = maps.shape[-1]

    for key, module in net.backbone.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda module, inputs, maps, key=key: note(key, maps))
    with torch.no_grad():
        assert net(torch.randn(2, 3, 32, 32)).shape == (2, 7)
    ran = list(sides)
    if arch not in (
        "mobilenet_v3_small",
        "efficientnet_b0",
        "regnet_x_400mf",
    ):  # their last gates a map of 1 × 1
        assert sides[ran[-1]] == last
    assert (ran[0], sides[ran[0]]) == (name, first)


def test_the_pool_of_the_stem_alone_is_left_out() -> None:
    backbone = make("densenet121", 32, stem="small").backbone
    assert isinstance(backbone.get_submodule("features.pool0"), nn.Identity)
    assert isinstance(backbone.get_submodule("features.transition1.pool"), nn.AvgPool2d)


def test_patches_by_hand() -> None:
    assert [patch_side((size, size), 16) for size in (8, 16, 28, 32, 48, 60, 64)] == [4, 4, 4, 4, 6, 6, 8]
    assert [patch_side((size, size), 4) for size in (8, 32, 56, 64, 224)] == [1, 1, 2, 2, 4]
    assert [patch_side(size, 16) for size in ((64, 96), (96, 64), (64, 48), (64, 37))] == [8, 8, 4, 1]


def test_a_vision_transformer_has_as_many_positions_as_patches() -> None:
    net = make("vit_b_16", 28, stem="small").eval()  # which its own patch does not divide
    assert net.backbone.encoder.pos_embedding.shape == (1, 7 * 7 + 1, 768)  # type: ignore[union-attr]
    with torch.no_grad():
        assert net(torch.randn(1, 3, 28, 28)).shape == (1, 7)


@pytest.mark.parametrize("arch", ["swin_t", "swin_v2_t"])
def test_a_swin_transformer_keeps_its_windows(arch: str) -> None:
    net = make(arch, 32, stem="small").eval()
    first = next(module for module in net.backbone.modules() if isinstance(module, nn.Conv2d))
    assert (first.kernel_size, first.stride) == ((1, 1), (1, 1))
    with torch.no_grad():
        assert net(torch.randn(1, 3, 32, 32)).shape == (1, 7)


def test_a_net_that_keeps_all_pixels_is_left_as_it_is() -> None:
    net = models.vgg11()
    before = str(net)
    assert not shrink_stem(net, (32, 32))
    assert str(net) == before
    assert make("vgg11", 32, stem="auto").stem == "standard"


def test_no_hook_is_left_and_the_mode_stays() -> None:
    net = models.resnet18().train()
    shrink_stem(net, (32, 32))
    assert net.training
    assert not any(module._forward_pre_hooks for module in net.modules())


@pytest.mark.parametrize(
    ("stem", "weights", "size", "chosen"),
    [
        ("auto", "none", 64, "small"),
        ("auto", "none", 65, "standard"),
        ("auto", "default", 32, "standard"),
        ("auto", "file.pt", 32, "standard"),
        ("small", "none", 224, "small"),
        ("small", "file.pt", 32, "small"),
        ("standard", "none", 32, "standard"),
    ],
)
def test_which_stem(stem: str, weights: str, size: int, chosen: str) -> None:
    assert choose_stem(stem, weights, (size, size)) == chosen


def test_a_net_for_one_size_alone_still_asks_for_it() -> None:
    with pytest.raises(ImageTooSmallError) as caught:
        make("maxvit_t", 32, stem="auto")
    assert caught.value.smallest == 224


def test_what_cannot_be() -> None:
    with pytest.raises(UserError, match=r"model\.stem=tiny: expected auto, small or standard"):
        choose_stem("tiny", "none", (32, 32))
    with pytest.raises(UserError, match=r"model\.stem=small.*model\.weights=none"):
        choose_stem("small", "default", (32, 32))


def test_a_small_stem_takes_its_own_weights_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "state.pt"
    trained = make(stem="small")
    torch.save(trained.state_dict(), path)
    again = make(stem="small", weights=str(path))
    assert torch.equal(again.backbone.conv1.weight, trained.backbone.conv1.weight)  # type: ignore[union-attr, arg-type]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    make(stem="standard", weights=str(path))
    assert re.search(r"conv1\.weight.*model\.stem", caplog.text)


@pytest.mark.parametrize("arch", ["resnet18", "densenet121", "convnext_tiny", "vit_b_16"])
@pytest.mark.parametrize("stem", ["small", "standard"])
def test_a_file_says_which_stem_its_net_has(arch: str, stem: str) -> None:
    tensors = {f"net.{key}": value for key, value in make(arch, 32, stem=stem).state_dict().items()}
    assert TorchvisionClassifier.stem_of(arch, tensors) == stem


def test_the_stem_of_a_file_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    trained = make(stem="small")
    torch.save(trained.library_state(), path)
    again = make(stem="auto", weights=str(path))
    assert again.stem == "small"
    assert torch.equal(again.backbone.conv1.weight, trained.backbone.conv1.weight)  # type: ignore[union-attr, arg-type]
    torch.save(make(stem="standard").library_state(), path)
    assert make(stem="auto", weights=str(path)).stem == "standard"

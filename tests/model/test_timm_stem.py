"""Stems of timm's nets for small images: how many places they leave, by hand; files, exports, mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.model.timm import TimmClassifier
from tests.model.timm_families import FAMILIES
from tests.model.zoo import make_timm

# A layer, and how many places a side its maps have of images of 32 pixels.
PLACES = {
    "test_resnet": ("layer1.0.conv1", 32),
    "test_convnext": ("stem.0", 32),
    "test_efficientnet": ("conv_stem", 32),
    "repvgg_a0": ("stem.conv_1x1.conv", 32),
    "test_maxvit": ("stem.conv2", 32),
    "test_vit": ("patch_embed.proj", 8),
    "vit_tiny_r_s16_p8_224": ("patch_embed.proj", 8),
    "swin_tiny_patch4_window7_224": ("patch_embed.proj", 32),
}


def make(arch: str, side: int = 32, **options: Any) -> TimmClassifier:
    if not timm.is_model(arch):
        pytest.skip("this timm has it not yet")
    small = next((family.options for family in FAMILIES.values() if family.arch == arch), {})
    return make_timm(arch, side, **{"stem": "auto", "options": small, **options})


@pytest.mark.parametrize("arch", PLACES)
def test_how_many_places_are_left(arch: str) -> None:
    net, (name, places) = make(arch).eval(), PLACES[arch]
    sides = []

    def note(module: nn.Module, images: tuple[Tensor, ...], maps: Tensor) -> None:
        sides.append(maps.shape[-1])

    net.backbone.get_submodule(name).register_forward_hook(note)
    with torch.no_grad():
        assert net(torch.randn(2, 3, 32, 32)).shape == (2, 5)
    assert (net.stem, sides) == ("small", [places])


@pytest.mark.parametrize("arch", PLACES)
def test_timm_builds_the_same_net(arch: str) -> None:
    net = make(arch).eval()
    theirs, images = net.library().build().eval(), torch.randn(2, 3, 32, 32)
    theirs.load_state_dict(net.library_state())
    with torch.no_grad():
        assert torch.allclose(theirs(images), net(images), atol=1e-5)


@pytest.mark.parametrize("arch", ["resnet18", "test_convnext", "test_vit", "vit_tiny_r_s16_p8_224"])
@pytest.mark.parametrize("stem", ["small", "standard"])
def test_weights_of_a_file_keep_their_stem(arch: str, stem: str, tmp_path: Path) -> None:
    net = make(arch, stem=stem)
    torch.save(net.state_dict(), tmp_path / "net.pth")
    again = make(arch, weights=str(tmp_path / "net.pth"))
    assert again.stem == stem
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in net.state_dict().items())


def test_a_small_net_for_images_of_another_size(tmp_path: Path) -> None:
    net = make("test_vit")
    torch.save(net.state_dict(), tmp_path / "net.pth")
    again = make("test_vit", 64, weights=str(tmp_path / "net.pth"))
    assert again.backbone.get_parameter("pos_embed").shape[1] == 8 * 8 + 1, "patches of 8 pixels"
    assert torch.equal(again.backbone.get_parameter("norm.weight"), net.backbone.get_parameter("norm.weight"))


def test_when_the_stem_stays() -> None:
    assert make("test_resnet", 96).stem == "standard", "images of more than 64 pixels"
    assert make("vgg11").stem == make("vgg11", stem="small").stem == "standard", "it keeps all by itself"
    assert make("mixer_s32_224").stem == "standard", "its builder sets the patches"
    net = make("test_vit", options={"patch_size": 16})
    assert (net.stem, net.backbone.get_parameter("patch_embed.proj.weight").shape[2]) == ("standard", 16)


@pytest.mark.parametrize(
    ("arch", "options", "message"),
    [
        ("mixer_s32_224", {}, r"model\.stem=small: of mixer_s32_224 .*model\.stem=standard"),
        ("test_vit", {"options": {"patch_size": 4}}, r"model\.stem=small.*model\.options\.patch_size"),
        ("test_vit", {"weights": "default"}, r"model\.stem=small.*model\.weights=none"),
        ("test_vit", {"stem": "tiny"}, r"model\.stem=tiny: expected auto, small or standard"),
    ],
)
def test_stems_that_cannot_be(arch: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(arch, **{"stem": "small", **options})

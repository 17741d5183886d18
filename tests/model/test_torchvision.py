"""Transfer learning over torchvision's classifiers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision import models

from pellucid.errors import ImageTooSmallError, UserError
from pellucid.model.torchvision import TorchvisionClassifier, stages
from tests.model.zoo import make

ZOO = [
    ("resnet18", 32), ("alexnet", 64), ("vgg16", 32), ("squeezenet1_0", 32), ("densenet161", 32),
    ("inception_v3", 75), ("googlenet", 32), ("shufflenet_v2_x1_0", 32), ("mobilenet_v2", 32),
    ("mobilenet_v3_large", 32), ("mobilenet_v3_small", 32), ("resnext50_32x4d", 32),
    ("wide_resnet50_2", 32), ("mnasnet1_0", 32), ("resnet50", 32),
]  # fmt: skip


@pytest.mark.parametrize(("arch", "size"), ZOO)
def test_the_zoo(arch: str, size: int) -> None:
    net = make(arch, size).eval()
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        assert net(images).shape == (2, 7)
        assert torch.allclose(net(images), net.head(net.embed(images)), atol=1e-5)


CLASSIFIERS = models.list_models(module=models)
# The first by name of each module of torchvision: the others of a module are the same code, wider and deeper.
FAMILIES = {models.get_model_builder(name).__module__: name for name in CLASSIFIERS[::-1]}


@pytest.mark.slow
@pytest.mark.parametrize(
    "arch",
    [pytest.param(a, marks=[pytest.mark.heavy] * (a not in FAMILIES.values())) for a in CLASSIFIERS],
)
def test_every_classifier_of_torchvision(arch: str) -> None:
    if any(big in arch for big in ("regnet_y_128gf", "vit_h", "vit_l", "_32gf", "convnext_large")):
        pytest.skip("takes gigabytes")
    with torch.device("cpu"):
        net = make(arch, 224).eval()
    with torch.no_grad():
        assert net(torch.randn(1, 3, 224, 224)).shape == (1, 7)


def test_the_head_sees_what_torchvisions_head_saw() -> None:
    reference = models.resnet18(num_classes=7).eval()
    net = make().eval()
    net.backbone.load_state_dict(reference.state_dict(), strict=False)
    net.head.load_state_dict(reference.fc.state_dict())
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(net(images), reference(images))


def test_squeezenet_equals_its_convolution_averaged() -> None:
    net = make("squeezenet1_0", 64).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        maps = net.backbone.features(images)  # type: ignore[operator]
        weight = net.head.weight[:, :, None, None]
        expected = nn.functional.conv2d(maps, weight, net.head.bias).mean((2, 3))
        assert torch.allclose(net(images), expected, atol=1e-5)


def test_too_small_an_image_names_the_smallest_that_works() -> None:
    with pytest.raises(ImageTooSmallError) as caught:
        make("alexnet", 16)
    smallest = caught.value.smallest
    assert smallest == 63
    make("alexnet", smallest)(torch.zeros(2, 3, smallest, smallest))


def test_a_net_for_one_size_only_asks_for_it() -> None:
    assert make("vit_b_16", 32).embed(torch.zeros(1, 3, 32, 32)).shape == (1, 768)
    with pytest.raises(ImageTooSmallError) as caught:
        make("vit_b_16", 28)
    assert caught.value.smallest == 32, "a whole number of patches"
    with pytest.raises(ImageTooSmallError) as caught:
        make("maxvit_t", 32)
    assert caught.value.smallest == 224


def test_unknown_arch_names_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean 'resnet18'"):
        make("resnt18")


def test_frozen_parts_stay_in_evaluation_mode_and_untrained() -> None:
    net = make(trainable="head")
    net.train()
    assert not any(m.training for m in net.backbone.modules())
    assert {n for n, p in net.named_parameters() if p.requires_grad} == {"head.weight", "head.bias"}
    before = {n: b.clone() for n, b in net.named_buffers()}
    net(torch.randn(4, 3, 32, 32))
    assert all(torch.equal(before[n], b) for n, b in net.named_buffers()), "statistics drifted"


def test_last_two_stages_of_resnet18() -> None:
    net = make(trainable="last_2")
    trained = {n.split(".")[1] for n, p in net.backbone.named_parameters(prefix="b") if p.requires_grad}
    assert trained == {"layer3", "layer4"}
    backbone = net.train().backbone
    assert backbone.layer4.training  # type: ignore[union-attr]
    assert not backbone.layer2.training  # type: ignore[union-attr]
    assert not backbone.bn1.training  # type: ignore[union-attr]


def test_all_trains_everything() -> None:
    net = make(trainable="all").train()
    assert all(p.requires_grad for p in net.parameters())
    assert all(m.training for m in net.modules())


@pytest.mark.parametrize("trainable", ["last_0", "last_9", "some", "last_x"])
def test_impossible_trainable_says_how_many_stages_there_are(trainable: str) -> None:
    with pytest.raises(UserError, match="from 1 to 5"):
        make(trainable=trainable)


@pytest.mark.parametrize(("arch", "count"), [("resnet18", 5), ("vgg16", 15), ("densenet161", 8)])
def test_stages(arch: str, count: int) -> None:
    backbone = make(arch).backbone
    found = stages(backbone)
    assert len(found) == count
    owned = [id(p) for stage in found for module in stage for p in module.parameters()]
    assert sorted(owned) == sorted(id(p) for p in backbone.parameters()), "each in one stage"


def test_default_weights_without_network_give_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"could not be downloaded.*model\.weights=none"):
        make(weights="default")


def test_default_weights_are_torchvisions_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = models.googlenet(aux_logits=True, init_weights=True)
    url = models.GoogLeNet_Weights.DEFAULT.url
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(source.state_dict(), folder / url.rpartition("/")[2])  # as torchvision had downloaded it
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    net = make("googlenet", 64, weights="default").eval()
    weight = net.get_parameter("backbone.inception5b.branch1.conv.weight")
    assert torch.equal(weight, source.inception5b.branch1.conv.weight)
    assert not any("aux" in name for name, _ in net.named_parameters())
    assert net(torch.zeros(2, 3, 64, 64)).shape == (2, 7)


def test_grey_images_are_repeated_into_three_channels() -> None:
    net = make(image_shape=(1, 32, 32), num_classes=3).eval()
    grey = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        assert torch.equal(net(grey), net(grey.repeat(1, 3, 1, 1)))


def test_augmentations_of_what_is_trained_are_refused() -> None:
    options = {"image_shape": (3, 32, 32), "num_classes": 2, "arch": "resnet18", "weights": "none"}
    with pytest.raises(UserError, match=r"model\.augmentations_per_image=2.*trainable=head"):
        TorchvisionClassifier(**options, trainable="all", augmentations_per_image=2, channels_last=False)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"model\.augmentations_per_image=-1"):
        TorchvisionClassifier(**options, trainable="head", augmentations_per_image=-1, channels_last=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("arch", ["resnet18", "googlenet", "swin_t", "mobilenet_v3_small"])
def test_random_weights_take_any_number_of_channels_and_no_square(arch: str) -> None:
    net = make(arch, image_shape=(13, 64, 96)).eval()
    images_BCHW = torch.randn(2, 13, 64, 96, requires_grad=True)
    net(images_BCHW).square().sum().backward()
    assert images_BCHW.grad is not None
    assert (images_BCHW.grad.abs().sum(dim=(0, 2, 3)) > 0).all()


def test_weights_of_three_channels_are_not_for_thirteen() -> None:
    with pytest.raises(UserError, match=r"take 3 channels, .* have 13.*model\.weights=none.*model=timm"):
        make(image_shape=(13, 64, 64), weights="default")


def test_a_net_of_square_images_says_so() -> None:
    with pytest.raises(UserError, match=r"square images, not 64 × 96\. Set data\.image_size=64"):
        make("vit_b_32", image_shape=(3, 64, 96))

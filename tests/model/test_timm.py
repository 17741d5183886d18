"""timm's classifiers by name: the same contract for every family, weights, sizes, stages, mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.model.frozen import frozen_features, keeps_contract
from pellucid.model.timm import TimmClassifier, stages
from pellucid.model.timm_source import tags_of
from tests.model.timm_families import ASKED, FAMILIES, QUICK, STANDARD
from tests.model.zoo import make_timm as make


def check_family(name: str, channels: int) -> None:
    torch.manual_seed(0)
    arch, options, side = FAMILIES[name]
    if not timm.is_model(arch):
        pytest.skip("this timm has it not yet")
    net = make(arch, side, channels, options=options, stem="auto")
    assert net.stem == ("standard" if name in STANDARD or side > 64 else "small")
    images = torch.randn(2, channels, side, side)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    before = net.head.weight.clone()
    for _ in range(2):
        optimizer.zero_grad()
        loss: Tensor = nn.functional.cross_entropy(net(images), torch.tensor([0, 3]))
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)  # two images' statistics make gradients of thousands
        optimizer.step()
    assert loss.isfinite()
    assert not torch.equal(net.head.weight, before)
    net.eval()
    with torch.no_grad():
        features = net.backbone.forward_features(images)  # type: ignore[operator]
        before_the_classifier = net.backbone.forward_head(features, pre_logits=True)  # type: ignore[operator]
        embedding = net.embed(images)
        assert embedding.shape == (2, net.head.in_features)
        assert torch.equal(embedding, before_the_classifier)
        assert torch.allclose(net(images), net.head(embedding), atol=1e-5)
    owned = [id(parameter) for stage in stages(net.backbone) for parameter in stage]
    assert sorted(owned) == sorted(id(p) for p in net.backbone.parameters()), "each in one stage"
    assert len(stages(net.backbone)) > 2


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", QUICK)
def test_a_family(name: str, channels: int) -> None:
    check_family(name, channels)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [pytest.param(1, marks=pytest.mark.heavy), 3])
@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - set(QUICK)))
def test_every_family(name: str, channels: int) -> None:
    check_family(name, channels)


def test_layers_are_in_the_order_in_which_they_run() -> None:
    assert [name for name, _ in make().named_children()] == ["backbone", "head"]


def test_the_families_are_there() -> None:
    assert FAMILIES.keys() >= ASKED
    assert set(QUICK) <= FAMILIES.keys()


def test_last_stages_of_swin() -> None:
    options = dict(FAMILIES["Swin"].options)
    net = make(FAMILIES["Swin"].arch, options=options, trainable="last_2").train()
    trained = {name.split(".")[1] for name, p in net.backbone.named_parameters() if p.requires_grad}
    names = [name for name, p in net.backbone.named_parameters() if p.requires_grad]
    assert {".".join(name.split(".")[:2]) for name in names} == {
        "layers.2",
        "layers.3",
        "norm.weight",
        "norm.bias",
    }
    assert trained == {"2", "3", "weight", "bias"}
    layers = net.backbone.layers
    assert [any(m.training for m in layer.modules()) for layer in layers] == [False, False, True, True]  # type: ignore[union-attr]
    assert not net.backbone.patch_embed.training  # type: ignore[union-attr]


def test_a_frozen_vit_is_computed_once() -> None:
    net = make("test_vit", trainable="head").train()
    assert frozen_features(net) is net
    assert keeps_contract(net, torch.randn(2, 3, 32, 32))
    assert {name for name, p in net.named_parameters() if p.requires_grad} == {"head.weight", "head.bias"}
    assert frozen_features(make("test_vit", trainable="last_1")) is None


def save(path: Path, arch: str = "test_resnet", **options: Any) -> nn.Module:
    """A net of timm's, and its weights as a file, as timm writes them."""
    torch.manual_seed(1)
    net: nn.Module = timm.create_model(arch, **options)
    torch.save(net.state_dict(), path)
    return net.eval()


def test_a_file_gives_what_the_net_gave(tmp_path: Path) -> None:
    theirs = save(tmp_path / "net.pth", num_classes=5)
    net = make(weights=str(tmp_path / "net.pth")).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(net(images), theirs(images), atol=1e-5)


def test_a_file_for_other_classes_gets_a_new_head(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    theirs = save(tmp_path / "net.pth")
    net = make(weights=str(tmp_path / "net.pth")).eval()
    assert "its head for 1000 classes was dropped; the new head for 5" in caplog.text
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        before = theirs.forward_head(theirs.forward_features(images), pre_logits=True)  # type: ignore[operator]
        assert torch.allclose(net.embed(images), before, atol=1e-5)


def test_a_file_of_colour_photos_for_grey_ones_adds_its_channels_up(tmp_path: Path) -> None:
    theirs = save(tmp_path / "net.pth")
    net = make(weights=str(tmp_path / "net.pth"), channels=1)
    expected = theirs.get_parameter("conv1.0.weight").sum(1, keepdim=True)
    assert torch.allclose(net.backbone.get_parameter("conv1.0.weight"), expected)


def test_a_file_of_another_size_has_its_positions_resampled(tmp_path: Path) -> None:
    save(tmp_path / "net.pth", "test_vit")
    net = make("test_vit", 64, weights=str(tmp_path / "net.pth"))
    assert net.backbone.get_parameter("pos_embed").shape[1] == 16 + 1


def test_a_file_of_our_own(tmp_path: Path) -> None:
    net = make(channels=1)
    state = {f"net.{name}": value for name, value in net.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "best.ckpt")
    again = make(channels=1, weights=str(tmp_path / "best.ckpt"))
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in net.state_dict().items())


def test_a_file_of_another_net_is_told(tmp_path: Path) -> None:
    save(tmp_path / "net.pth", "test_convnext")
    with pytest.raises(
        UserError, match=r"nothing in this file fits test_resnet\. It has: stem.* The net has"
    ):
        make(weights=str(tmp_path / "net.pth"))


def test_pretrained_weights_come_through_timm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = save(tmp_path / "net.pth")
    asked = []

    def download(model: str, **options: Any) -> dict[str, Tensor]:
        asked.append(model)
        state: dict[str, Tensor] = torch.load(tmp_path / "net.pth", weights_only=True)
        return state

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", download)
    tag = tags_of("test_resnet")[0]
    for weights in ("default", "pretrained", tag):
        net = make(weights=weights)
        assert torch.equal(net.backbone.get_parameter("layer1.0.conv1.weight"),
                           theirs.get_parameter("layer1.0.conv1.weight"))  # fmt: skip
    make(f"test_resnet.{tag}", weights="default")
    assert asked == [f"timm/test_resnet.{tag}"] * 4
    with pytest.raises(UserError, match=rf"model\.arch=test_resnet\.r161k: .*Did you mean '{tag}'"):
        make("test_resnet.r161k")


def test_images_are_prepared_as_the_weights_were_made() -> None:
    def ask(channels: int, weights: str | None = "default", arch: str = "beit_base_patch16_224") -> Any:
        return TimmClassifier.preprocessing(arch=arch, weights=weights, channels=channels)

    found = ask(3)
    assert (found.mean, found.std, found.size) == ((0.5,) * 3, (0.5,) * 3, 224)
    assert (found.resample, found.crop) == ("bicubic", 0.9)
    assert ask(1).mean == (0.5,)
    assert len(ask(5).std) == 5
    assert ask(3, "none") is ask(3, None) is None


def test_the_layout_in_memory() -> None:
    assert (
        make(channels_last=True)
        .backbone.get_parameter("layer1.0.conv1.weight")
        .is_contiguous(memory_format=torch.channels_last)
    )

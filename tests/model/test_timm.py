"""timm's classifiers by name: the same contract for every family, weights, sizes, stages, mistakes."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from pellucid.errors import ImageTooSmallError, UserError
from pellucid.model.frozen import frozen_features, keeps_contract
from pellucid.model.timm import TimmClassifier, stages, tags_of
from tests.model.timm_families import ASKED, FAMILIES, QUICK


def make(arch: str = "test_resnet", side: int = 32, channels: int = 3, **options: Any) -> TimmClassifier:
    given: dict[str, Any] = {"weights": "none", "num_classes": 5, "image_shape": (channels, side, side)}
    return TimmClassifier(arch=arch, **given | options)


def check_family(name: str, channels: int) -> None:
    torch.manual_seed(0)
    arch, options, side = FAMILIES[name]
    if not timm.is_model(arch):
        pytest.skip("this timm has it not yet")
    net = make(arch, side, channels, options=options)
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
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - set(QUICK)))
def test_every_family(name: str, channels: int) -> None:
    check_family(name, channels)


def test_layers_are_in_the_order_in_which_they_run() -> None:
    assert [name for name, _ in make().named_children()] == ["backbone", "head"]


def test_the_families_are_there() -> None:
    assert FAMILIES.keys() >= ASKED
    assert set(QUICK) <= FAMILIES.keys()


def test_a_name_with_a_mistake_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"model\.arch=convnext_tny: .* Did you mean 'convnext_tiny'"):
        make("convnext_tny")


def test_a_pattern_lists_what_it_matches() -> None:
    with pytest.raises(
        UserError, match=r"model\.arch=test_vit\*: .* matches \d: test_vit, test_vit2"
    ) as caught:
        make("test_vit*")
    assert "more" not in str(caught.value)
    with pytest.raises(UserError, match=r"and \d{2,} more\. Choose one"):
        make("vit*")
    with pytest.raises(UserError, match="matches none"):
        make("nothing*")
    with pytest.raises(UserError, match=r"convnext_tiny\.fb_in22k"):
        make("convnext_tiny.*")


def test_without_timm_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r"pip install 'pellucid\[timm\]'"):
        make()


def test_options_reach_the_builder() -> None:
    assert len(make("test_vit", options={"depth": 2}).backbone.blocks) == 2  # type: ignore[arg-type]
    net = make("test_convnext", drop_path_rate=0.3, drop_rate=0.5)
    rates = [m.drop_prob for m in net.backbone.modules() if type(m).__name__ == "DropPath"]
    assert max(rates) == pytest.approx(0.3)  # type: ignore[type-var]
    images = torch.randn(2, 3, 32, 32)
    assert not torch.equal(net(images), net(images)), "dropout"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"options": {"dept": 2}},
            r"model\.options\.dept: test_vit has no such option\. Did you mean 'depth'",
        ),
        ({"options": {"in_chans": 1}}, r"model\.options\.in_chans: the data's images set it"),
        ({"options": {"img_size": 64}}, r"model\.options\.img_size: set data\.image_size"),
        ({"drop_rate": 1.5}, r"model\.drop_rate=1\.5: expected 0 to below 1"),
        ({"drop_path_rate": 0.1, "trainable": "head"}, r"model\.drop_path_rate=0\.1: a frozen backbone"),
        ({"weights": "nowhere.pth"}, r"model\.weights=nowhere\.pth: expected none, default, the path"),
        ({"trainable": "last_99"}, r"model\.trainable=last_99: .*from 1 to 7"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make("test_vit", **options)


def test_an_option_that_the_builder_sets_itself() -> None:
    with pytest.raises(UserError, match=r"model\.options\.num_blocks: .*leave it out"):
        make("gmlp_ti16_224", options={"num_blocks": 2})


def test_nets_of_one_size_are_built_for_the_images() -> None:
    net = make("test_vit", 48)
    assert net.embed(torch.zeros(2, 3, 48, 48)).shape == (2, 64)
    with pytest.raises(ImageTooSmallError) as caught:
        make("test_vit", 40)
    assert caught.value.smallest == 48, "a whole number of patches"
    with pytest.raises(ImageTooSmallError) as caught:
        make("crossvit_9_240", 32)
    assert caught.value.smallest == 240


def test_a_size_that_is_too_small_is_told_exactly() -> None:
    with pytest.raises(ImageTooSmallError) as caught:
        make("inception_v3", 32)
    assert caught.value.smallest == 75


def test_images_that_a_net_cannot_have() -> None:
    with pytest.warns(UserWarning, match="3-channel"), pytest.raises(UserError, match=r"1 × 64 × 64"):
        make("csatv2", 64, channels=1)


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


def test_without_a_network_the_remedy(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hub = logging.getLogger("huggingface_hub")
    level = hub.level

    def fail(model: str, **options: Any) -> None:
        logging.getLogger("huggingface_hub.utils._http").warning("Retrying in 8s [Retry 5/5].")
        raise OSError("no network")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", fail)
    with pytest.raises(UserError, match=r"could not be downloaded \(no network\).*model\.weights=none"):
        make(weights="default")
    assert not caplog.records
    assert hub.level == level


def test_a_net_without_weights_says_so() -> None:
    name = next(name for name in timm.list_models("resnet*") if not tags_of(name))
    with pytest.raises(UserError, match=f"model.weights=default: timm has no weights of {name}"):
        make(name, weights="default")


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

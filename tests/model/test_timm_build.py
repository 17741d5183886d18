"""The builder of timm: its options, the sizes that nets take, weights that cannot be had."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from torch import nn

from pellucid.errors import ImageTooSmallError, UserError
from tests.model.zoo import make_timm as make


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


def test_a_package_that_the_net_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: Any, **__: Any) -> nn.Module:
        raise ModuleNotFoundError("No module named 'natten'", name="natten")

    monkeypatch.setattr("timm.create_model", lacking)
    with pytest.raises(
        UserError, match=r"^model\.arch=test_vit needs the package natten.*pip install natten"
    ):
        make("test_vit")

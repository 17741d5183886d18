"""The module's name of before, by which stored runs know the zoo."""

from __future__ import annotations

from pellucid.config.build import build
from pellucid.config.check import check_targets
from pellucid.model.torchvision import TorchvisionClassifier
from tests.helpers import compose


def test_the_names_of_before_go_on_working() -> None:
    older = {
        "_target_": "pellucid.model.resnet.TorchvisionClassifier",
        "arch": "resnet18",
        "weights": "none",
        "trainable": "head",
        "views": 3,
        "channels_last": False,
    }
    assert not check_targets({"model": older})
    net = build(older, "model", image_shape=(3, 32, 32), num_classes=2)
    assert type(net) is TorchvisionClassifier
    assert net.augmentations_per_image == 3
    frozen = compose("model=resnet_frozen", "model.views=2")["model"]
    assert build({**frozen, "weights": "none"}, "model", image_shape=(3, 32, 32), num_classes=2)

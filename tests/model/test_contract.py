"""Every net on every data set's image shape, with no further option."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from pellucid.config.build import build
from pellucid.errors import ImageTooSmallError
from tests.helpers import compose

CONF = Path(__file__).parents[2] / "conf" / "model"
OURS = {"autoencoder", "cnn", "dnn", "gcn", "resnet9", "resnet_finetune", "resnet_frozen", "timm", "xai"}
MODELS = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem != "own")  # a user's class
# digits, Fashion-MNIST, CIFAR-10, cat/dog, image folder; classes two and two hundred
SHAPES = [
    ((1, 8, 8), 10),
    ((1, 28, 28), 10),
    ((3, 32, 32), 10),
    ((3, 64, 64), 2),
    ((3, 128, 128), 200),
]


def make(name: str, shape: tuple[int, int, int], classes: int) -> tuple[nn.Module, tuple[int, int, int]]:
    """The net by its YAML, enlarging the images as ``assemble`` does."""
    config = load(name)
    if "weights" in config:
        config["weights"] = "none"
    try:
        return build(config, "model", image_shape=shape, num_classes=classes), shape
    except ImageTooSmallError as error:
        shape = (shape[0], error.smallest, error.smallest)
        return build(config, "model", image_shape=shape, num_classes=classes), shape


def load(name: str) -> dict[str, Any]:
    config: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))  # type: ignore[assignment]
    for base in config.pop("defaults", []):
        if isinstance(base, str) and base != "_self_":
            config = {**load(base), **config}
    return config


def redraws(name: str) -> bool:
    """Whether the model chooses the task of drawing the image again."""
    chosen: str = compose(f"model={name}")["task"]["_target_"]
    return chosen.endswith(".Reconstruction")


def test_all_models_are_found() -> None:
    assert set(MODELS) >= OURS


@pytest.mark.parametrize(("shape", "classes"), SHAPES)
@pytest.mark.parametrize("name", MODELS)
def test_one_training_step(name: str, shape: tuple[int, int, int], classes: int) -> None:
    torch.manual_seed(0)
    net, shape = make(name, shape, classes)
    images = torch.randn(3, *shape)
    output: Tensor = net.train()(images)
    embedding: Tensor = net.embed(images)  # type: ignore[operator]
    assert embedding.ndim == 2
    assert len(embedding) == 3
    if redraws(name):
        assert output.shape == images.shape
        assert 0 <= output.min() <= output.max() <= 1
    else:
        assert output.shape == (3, classes)
    torch.autograd.backward(output.square().sum())
    trained = [p for p in net.parameters() if p.requires_grad]
    assert trained
    assert all(p.grad is not None and p.grad.isfinite().all() for p in trained)


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_a_linear_function_of_the_embedding(name: str) -> None:
    net, shape = make(name, (3, 64, 64), 5)
    if redraws(name) or (name not in OURS and not isinstance(getattr(net, "head", None), nn.Linear)):
        pytest.skip("it has no head")
    images = torch.randn(2, *shape)
    net.eval()
    with torch.no_grad():
        head: nn.Linear = net.head  # type: ignore[assignment]
        expected = net.embed(images) @ head.weight.T + head.bias  # type: ignore[operator]
        assert torch.allclose(net(images), expected, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_an_image_does_not_depend_on_its_neighbours_in_evaluation(name: str) -> None:
    net, shape = make(name, (1, 28, 28), 10)
    images = torch.randn(3, *shape)
    net.eval()
    with torch.no_grad():
        assert torch.allclose(net(images)[:1], net(images[:1]), atol=1e-5)

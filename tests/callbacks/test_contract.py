"""Looking changes nothing: not the weights, not a mode, a gradient, a flag, a hook or a random draw."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from torch import Tensor, nn

from pellucid.callbacks.snapshot import Moment
from pellucid.callbacks.view_scheduler import ViewScheduler
from pellucid.callbacks.visualizer import Visualizer
from pellucid.commands.train import train
from pellucid.draw.sheet import Sheet
from pellucid.explainer.saliency import Saliency
from pellucid.model import xai
from tests.callbacks.drawn import NARROW, OURS, VIEWS
from tests.helpers import compose, metrics, same, weights

# Every view after every epoch, and what it draws after each.
OFTEN = ["feature_maps", "filters", "explanations", "embeddings", "confusion"]
ALL = ["callbacks=default", *(f"callbacks.{view}.every_n_epochs=1" for view in OFTEN)]
FAST = [
    "callbacks.embeddings.tsne_points=40",
    "callbacks.explanations.images=2",
    "callbacks.film_strip.images=1",
]


def trained(folder: Path, *options: str) -> dict[str, Tensor]:
    """All weights and buffers after two epochs, also the optimizer's state."""
    train(compose("trainer.max_epochs=2", "data.augment=shift_flip", *options), folder)
    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    moments = checkpoint["optimizer_states"][0]["state"]
    kept = {f"{key}.{name}": value for key, one in moments.items() for name, value in one.items()}
    return {**checkpoint["state_dict"], **kept}


def check(tmp_path: Path, options: list[str]) -> None:
    seen = trained(tmp_path / "seen", *options, *ALL, *FAST, "logger=tensorboard")
    unseen = trained(tmp_path / "unseen", *options, "callbacks=none")
    result = metrics(tmp_path / "seen")
    assert not [key for key in result if key.startswith("look/failed")]
    assert same(seen, unseen)


@pytest.mark.parametrize("name", sorted(VIEWS.keys() - OURS))
def test_one_of_ones_own_draws_and_changes_nothing(tmp_path: Path, name: str) -> None:
    for model in ("cnn", "autoencoder"):
        seen = trained(tmp_path / model / "seen", f"model={model}", f"callbacks={name}")
        unseen = trained(tmp_path / model / "unseen", f"model={model}", "callbacks=none")
        assert not [key for key in metrics(tmp_path / model / "seen") if key.startswith("look/failed")]
        assert same(seen, unseen)
    assert list(tmp_path.rglob("figures/**/*.png")), "a picture of one of them"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "accumulate"),
    [
        ("dnn", 1),
        pytest.param("cnn", 1, marks=pytest.mark.heavy),
        ("cnn", 2),
        ("xai", 2),
        ("resnet_frozen", 2),
        ("autoencoder", 2),
    ],
)
def test_weights_are_bitwise_those_of_a_run_without_views(
    tmp_path: Path, photos: Path, model: str, accumulate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xai, "STAGES", NARROW)
    options = [f"model={model}", f"trainer.accumulate_grad_batches={accumulate}"]
    if model in ("xai", "resnet_frozen"):
        options += [
            "data=catdog",
            f"data.root={photos}",
            f"data.cache={tmp_path / 'cache'}",
            "data.batch_size=8",
        ]
        options += ["data.image_size=34" if model == "xai" else "data.image_size=32"]
    if model == "resnet_frozen":
        options += ["model.weights=none", "model.stem=standard"]  # whose maps are small
    check(tmp_path, options)


def state(net: nn.Module) -> list[Any]:
    """All that a view might disturb, to be compared by ``equal``."""
    found: list[Any] = [random.getstate(), str(np.random.get_state()), torch.get_rng_state()]  # noqa: NPY002
    for module in net.modules():
        hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
        found += [module.training, *(len(hook) for hook in hooks)]
    for parameter in net.parameters():
        gradient = parameter.grad
        found += [parameter.requires_grad, id(gradient), None if gradient is None else gradient.clone()]
        found += [parameter.detach().clone()]
    return [*found, *(buffer.clone() for buffer in net.buffers())]


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


class Witness(Callback):
    """Compares before and after everything that views do at the end of an epoch."""

    def __init__(self) -> None:
        self.seen = set[str]()

    def wrap(self, guarded: Callable[..., None]) -> Callable[..., None]:
        def looking(scheduler: ViewScheduler, view: Visualizer, moment: Moment, *more: Any) -> None:
            net = moment.module.net
            assert isinstance(net, nn.Module)
            next(m for m in net.modules() if isinstance(m, nn.ReLU)).eval()  # modes are mixed
            before = state(net)
            guarded(scheduler, view, moment, *more)
            after = state(net)
            assert all(equal(*pair) for pair in zip(before, after, strict=True)), view.name
            self.seen.add(view.name)

        return looking


@pytest.mark.parametrize("broken", [None, "picture", "gradient"])
def test_a_look_leaves_the_net_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str | None
) -> None:
    witness = Witness()
    monkeypatch.setattr(ViewScheduler, "_guarded", witness.wrap(ViewScheduler._guarded))

    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    if broken == "picture":
        monkeypatch.setattr(Sheet, "picture", fails)
    if broken == "gradient":
        monkeypatch.setattr(Saliency, "_attribute", fails)
    config = compose("model=cnn", *ALL, *FAST, "logger=tensorboard")
    result = train(config, tmp_path)
    views = config["callbacks"].keys() - {"summary", "progress"}
    assert witness.seen == views
    assert len(views) >= 13
    without = {"reconstructions", "latent", "graph"}  # two of an autoencoder, and one that draws no picture
    failed = sum(value for key, value in result.items() if key.startswith("look/failed"))
    assert failed == {None: 0, "picture": len(views - without), "gradient": 1}[broken]


class Careless(Visualizer):
    """Does to a net all that a view must not."""

    name = "careless"

    def draw(self, snapshot: Any) -> None:
        snapshot.net.train()
        for parameter in snapshot.net.parameters():
            parameter.requires_grad_(True)
        images = snapshot.predictor.inputs(snapshot.reference_images(8).pixels_BCHW)
        with torch.enable_grad():
            snapshot.net(images).square().sum().backward()
        torch.rand(5), np.random.rand(5), random.random()  # noqa: NPY002
        raise RuntimeError("and leaves")


def test_even_a_careless_view_changes_nothing(tmp_path: Path) -> None:
    config = compose("model=cnn", "trainer.max_epochs=3", "packages=[tests]")
    options = ["trainer.max_epochs=3", "model=cnn"]
    node = {"_target_": "tests.callbacks.test_contract.Careless", "every_n_epochs": 1}
    config["callbacks"] = {"careless": node}
    result = train(config, tmp_path / "seen")
    assert result["look/failed/careless"] == 3
    train(compose(*options), tmp_path / "unseen")
    assert same(weights(tmp_path / "seen"), weights(tmp_path / "unseen"))

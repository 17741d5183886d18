"""Every explainer on every kind of net: the net is left as found, and the maps mean the same everywhere."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
from copy import deepcopy
from inspect import isabstract
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from pellucid.config.build import build
from pellucid.errors import UserError
from pellucid.explainer.base import NO_MAP, Explainer, Explanation
from tests.explainer.nets import small_cnn, small_resnet, small_xai
from tests.helpers import CONF, ROOT

EXPLAINERS = sorted(path.stem for path in (CONF / "explainer").glob("*.yaml") if path.stem != "all")
QUICK = {"steps": 3, "most": 5, "window": 0.5, "stride": 0.5}  # what makes the methods cheap

every_explainer = pytest.mark.parametrize("name", EXPLAINERS)
every_net = pytest.mark.parametrize("kind", ["cnn", "xai", "resnet"])


def options(name: str) -> dict[str, Any]:
    config = OmegaConf.to_container(OmegaConf.load(CONF / "explainer" / f"{name}.yaml"))
    assert isinstance(config, dict)
    assert list(config) == [name]
    found: dict[str, Any] = config[name]
    return found


def make(name: str) -> Explainer:
    """The explainer by its YAML, with fewer steps and larger windows."""
    config = options(name)
    explainer: Explainer = build(config | {key: QUICK[key] for key in QUICK if key in config}, "explainer")
    return explainer


@pytest.fixture(scope="module")
def nets() -> dict[str, tuple[nn.Module, Tensor]]:
    """Nets in the midst of training, with images: modes mixed, gradients accumulated, statistics moved."""
    torch.manual_seed(0)
    found: dict[str, tuple[nn.Module, Tensor]] = {
        "cnn": (small_cnn(), torch.randn(2, 3, 16, 16)),
        "xai": (
            small_xai(1, 3),
            torch.randn(2, 1, 34, 34),
        ),
        "resnet": (
            small_resnet(32),
            torch.randn(2, 3, 32, 32),
        ),
    }
    for net, images in found.values():
        net.train()
        next(m for m in net.modules() if isinstance(m, nn.BatchNorm2d)).eval()
        torch.autograd.backward(net(images).square().mean())
        next(net.parameters()).grad = None
    return found


def explain(explainer: Explainer, net: nn.Module, images: Tensor) -> Explanation:
    black = torch.full(images.shape[1:], -2.0)
    return explainer.explain(net, images, torch.arange(len(images)) % 3, black)


class State:
    """All that explaining could change."""

    def __init__(self, net: nn.Module, *tensors: Tensor) -> None:
        modules = list(net.modules())
        self.modes = [module.training for module in modules]
        self.hooks = [
            sum(len(value) for key, value in vars(module).items() if "hooks" in key and value)
            for module in modules
        ]
        self.parts = [(name, id(t)) for name, t in [*net.named_parameters(), *net.named_buffers()]]
        self.flags = [parameter.requires_grad for parameter in net.parameters()]
        self.gradients = [parameter.grad for parameter in net.parameters()]
        self.slots = [id(gradient) for gradient in self.gradients]
        everything = [*net.parameters(), *net.buffers(), *self.gradients, *tensors]
        self.values = [t.detach().clone() for t in everything if t is not None]
        numpy = np.random.get_state(legacy=False)  # noqa: NPY002
        self.random = (random.getstate(), str(numpy["state"]["pos"]), numpy["state"]["key"].tobytes())
        self.torch = torch.get_rng_state()

    def check(self, net: nn.Module, *tensors: Tensor) -> None:
        now = State(net, *tensors)
        for key in ("modes", "hooks", "parts", "flags", "slots", "random"):
            assert getattr(self, key) == getattr(now, key), key
        for old, new in zip(self.values, now.values, strict=True):
            assert torch.allclose(old, new, rtol=0, atol=0, equal_nan=True)
        assert torch.equal(self.torch, now.torch)


def test_all_explainers_are_found() -> None:
    ours = {"grad_cam", "integrated_gradients", "occlusion", "saliency"}
    everything = OmegaConf.to_container(OmegaConf.load(CONF / "explainer" / "all.yaml"))
    assert isinstance(everything, dict)
    assert ours <= set(everything["defaults"]) <= set(EXPLAINERS), "one's own may stay out of it"


@every_explainer
def test_a_score_that_hardly_moves_has_no_map(name: str) -> None:
    torch.manual_seed(0)
    net, images = small_cnn(), torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        net.head.weight.mul_(1e-3)
    found = explain(make(name), net, images)
    assert found.notes == (NO_MAP, NO_MAP)
    assert not found.shown().any()
    with torch.no_grad():
        net.head.weight.mul_(1e5)
    found = explain(make(name), net, images)
    assert NO_MAP not in found.notes
    assert np.array_equal(found.shown(), found.maps_BHW.numpy())


@every_explainer
def test_file_and_yaml_have_one_name(name: str) -> None:
    assert options(name)["_target_"].startswith(f"pellucid.explainer.{name}.")


def test_one_abstract_base_and_final_classes() -> None:
    classes = {type(make(name)) for name in EXPLAINERS}
    assert isabstract(Explainer)
    ours = {c for c in Explainer.__subclasses__() if c.__module__.startswith("pellucid.")}
    assert ours == classes
    assert len(classes) == len({c.title for c in classes}) == len(EXPLAINERS)
    assert not any(c.__subclasses__() for c in classes)


def test_captum_is_not_imported_before_it_is_needed() -> None:
    """It takes half a second, and starts pyplot."""
    files = sorted((ROOT / "src" / "pellucid" / "explainer").glob("*.py"))
    assert len(files) > len(EXPLAINERS)
    for path in files:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert "captum" not in ast.unparse(node), path.name


@every_net
@every_explainer
def test_the_net_is_left_as_it_was(
    name: str, kind: str, nets: dict[str, tuple[nn.Module, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it raises before its head, in the last of the passes that the method makes."""
    net, images = nets[kind]
    head = net.get_submodule("head")
    right: Callable[[Tensor], Tensor] = head.forward
    calls, last = 0, 0

    def forward(embedding: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == last:
            raise RuntimeError("broken in the middle")
        return right(embedding)

    monkeypatch.setitem(vars(head), "forward", forward)
    before = State(net, images)
    assert True in before.modes
    assert False in before.modes
    explanation = explain(make(name), net, images)
    before.check(net, images)
    assert images.grad is None
    assert not images.requires_grad
    maps = explanation.maps_BHW
    assert maps.shape == (2, *images.shape[2:])
    assert maps.dtype == torch.float32
    assert maps.abs().max() > 0
    assert make(name).signed == bool((maps < 0).any())
    assert len(explanation.notes) == 2

    calls, last = 0, calls
    assert last >= 1
    with pytest.raises(RuntimeError, match="broken in the middle"):
        explain(make(name), net, images)
    before.check(net, images)


@every_explainer
def test_the_net_is_left_as_it_was_when_captum_fails(
    name: str, nets: dict[str, tuple[nn.Module, Tensor]]
) -> None:
    net, images = nets["cnn"]
    before = State(net, images)
    with pytest.raises((RuntimeError, AssertionError, IndexError)):
        make(name).explain(net, images, torch.tensor([0, 99]), images[0])
    before.check(net, images)


class Restless(nn.Module):
    """Draws random numbers, counts and accumulates a gradient whenever it runs, in evaluation mode too."""

    runs: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.net = small_cnn()
        self.register_buffer("runs", torch.zeros(()))

    def forward(self, images_BCHW: Tensor) -> Tensor:
        self.runs.add_(1)
        noise = random.random() + float(np.random.rand()) + float(torch.rand(()))  # noqa: NPY002
        bias = self.net.head.bias
        bias.grad = torch.ones_like(bias) if bias.grad is None else bias.grad + 1
        logits_BK: Tensor = self.net(images_BCHW) + noise
        return logits_BK


@every_explainer
@pytest.mark.parametrize("accumulated", [False, True])
def test_nothing_that_the_net_does_meanwhile_remains(name: str, accumulated: bool) -> None:
    torch.manual_seed(0)
    net = Restless()
    images = torch.randn(2, 3, 16, 16)
    if accumulated:
        net.net.head.bias.grad = torch.full((4,), 0.5)
    before = State(net, images)
    explain(make(name), net, images)
    before.check(net, images)


@every_explainer
@pytest.mark.parametrize(
    "context",
    [torch.inference_mode, torch.no_grad, lambda: torch.autocast("cpu", torch.bfloat16)],
    ids=["inference_mode", "no_grad", "autocast"],
)
def test_the_same_maps_in_any_context(name: str, context: Callable[[], Any]) -> None:
    """Where Lightning validates: without gradients, with tensors made there, in lower precision."""
    torch.manual_seed(0)
    net = small_cnn().train()
    images = torch.randn(2, 3, 16, 16)
    expected = explain(make(name), net, images)
    with context():
        inside = images.clone()
        found = explain(make(name), net, inside)
        before = State(net)
        assert make(name).reason(net, inside) is None
        before.check(net)
    assert torch.allclose(found.maps_BHW, expected.maps_BHW, atol=1e-6)
    assert found.notes == expected.notes
    assert not found.maps_BHW.is_inference()


@every_explainer
@pytest.mark.parametrize(("precision", "error"), [(torch.bfloat16, 0.2), (torch.float64, 1e-4)])
def test_a_net_of_another_precision(name: str, precision: torch.dtype, error: float) -> None:
    """Images follow the net; maps are float32 all the same."""
    torch.manual_seed(0)
    net = small_cnn()
    images = torch.randn(2, 3, 16, 16)
    expected = explain(make(name), net, images).maps_BHW
    other = deepcopy(net).to(precision)
    assert make(name).reason(other, images) is None
    maps = explain(make(name), other, images).maps_BHW
    assert maps.dtype == torch.float32
    assert (maps - expected).abs().mean() < error * expected.abs().mean()
    again = explain(make(name), net, images.to(precision)).maps_BHW
    assert (again - expected).abs().mean() < error * expected.abs().mean()


@every_explainer
def test_images_that_are_not_contiguous(name: str) -> None:
    torch.manual_seed(0)
    net = small_cnn()
    images = torch.randn(2, 3, 16, 16)
    expected = explain(make(name), net, images).maps_BHW
    strided = images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert not strided.is_contiguous()
    maps = explain(make(name), net, strided).maps_BHW
    assert torch.allclose(maps, expected, atol=1e-5)
    assert maps.flatten().shape == expected.flatten().shape


@every_explainer
def test_a_compiled_net_is_explained_without_compiling_it(name: str) -> None:
    torch.manual_seed(0)
    net = small_cnn()
    images = torch.randn(2, 3, 16, 16)
    expected = explain(make(name), net, images).maps_BHW

    def backend(graph: Any, inputs: Any) -> Any:
        raise AssertionError("it was compiled")

    compiled: nn.Module = torch.compile(net, backend=backend)  # type: ignore[assignment]
    with pytest.raises(Exception, match="it was compiled"):
        compiled(images)
    assert make(name).reason(compiled, images) is None
    assert torch.equal(explain(make(name), compiled, images).maps_BHW, expected)


@every_explainer
def test_an_explanation_does_not_depend_on_the_batch(name: str) -> None:
    """Batch norm in training mode would mix the images: one picture's saliency moved by more than half."""
    torch.manual_seed(0)
    net = small_cnn().train()
    images = torch.randn(3, 3, 16, 16)
    together = explain(make(name), net, images).maps_BHW
    alone = explain(make(name), net, images[:1]).maps_BHW
    assert torch.allclose(together[:1], alone, atol=1e-5)


class Linear(nn.Module):
    """One linear layer over a convolution that copies; remembers its largest batch."""

    def __init__(self) -> None:
        super().__init__()
        self.copy = nn.Conv2d(1, 1, 1)
        self.head = nn.Linear(16, 3)
        self.largest = 0

    def forward(self, images_BCHW: Tensor) -> Tensor:
        self.largest = max(self.largest, len(images_BCHW))
        logits_BK: Tensor = self.head(self.copy(images_BCHW).flatten(1))
        return logits_BK


@every_explainer
@pytest.mark.parametrize("count", [1, 50, 70])
def test_passes_are_bounded(name: str, count: int) -> None:
    torch.manual_seed(0)
    net = Linear()
    images = torch.randn(count, 1, 4, 4)
    explanation = explain(make(name), net, images)
    assert 1 <= net.largest <= 64
    assert len(explanation.notes) == len(explanation.maps_BHW) == count
    for place in {0, count - 1}:
        alone = make(name).explain(
            net, images[place:][:1], torch.tensor([place % 3]), torch.full((1, 4, 4), -2.0)
        )
        assert torch.allclose(alone.maps_BHW[0], explanation.maps_BHW[place], atol=1e-5)


@every_explainer
def test_passes_of_large_images_are_smaller(name: str) -> None:
    """What all layers give to an image of 224 pixels is kept for its gradient."""
    net = small_cnn(224)
    largest = 0

    def watch(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal largest
        largest = max(largest, len(output))

    net.register_forward_hook(watch)
    explain(make(name), net, torch.zeros(12, 3, 224, 224))
    assert largest == 10


@every_explainer
def test_other_classes_are_not_mixed_in(name: str) -> None:
    """As softmax and log-softmax would do: what is explained is the score before them."""
    torch.manual_seed(0)
    net = small_cnn()
    images, target, black = torch.randn(2, 3, 16, 16), torch.tensor([0, 0]), torch.full((3, 16, 16), -2.0)
    maps = make(name).explain(net, images, target, black).maps_BHW
    with torch.no_grad():
        net.head.weight[1:].normal_(std=5)
    again = make(name).explain(net, images, target, black).maps_BHW
    assert torch.allclose(maps, again, atol=1e-6)
    assert maps.abs().max() > 5e-3
    other = make(name).explain(net, images, target + 1, black).maps_BHW
    assert (maps - other).abs().max() > 1e-3


@every_explainer
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_map_that_is_not_finite_is_refused(name: str, value: float) -> None:
    net, images = small_cnn(), torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        net.head.weight.fill_(value)
    explainer = make(name)
    before = State(net)
    with pytest.raises(ValueError, match=f"{explainer.title}: 2 of 2 maps hold values that are not finite"):
        explain(explainer, net, images)
    before.check(net)


@every_explainer
def test_shapes_that_do_not_fit_are_refused(name: str) -> None:
    """Captum would take one class for all images, and stretch a black pixel."""
    net, images = small_cnn(), torch.randn(2, 3, 16, 16)
    for target, black in (
        (torch.tensor([1]), torch.zeros(3, 16, 16)),
        (torch.tensor([1, 2]), torch.zeros(3, 1, 1)),
    ):
        with pytest.raises(ValueError, match="expected one class an image") as raised:
            make(name).explain(net, images, target, black)
        assert not isinstance(raised.value, UserError)


def test_files_are_named_alike() -> None:
    """The same word on the command line, in the code and in the tests."""
    for name in EXPLAINERS:
        assert (ROOT / "src" / "pellucid" / "explainer" / f"{name}.py").is_file()
    for path in Path(__file__).parent.glob("test_*.py"):
        assert path.stem.removeprefix("test_") in {
            *EXPLAINERS,
            "base",
            "contract",
            "known_answers",
            "faithfulness",
            "randomization",
        }

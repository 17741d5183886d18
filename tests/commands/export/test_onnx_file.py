"""Nets as ONNX models: the same answers for batches of any size, or a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pellucid.commands.export import onnx_file
from pellucid.commands.export.onnx_file import Graph, to_onnx
from pellucid.commands.export.onnx_session import Session
from pellucid.errors import UserError
from pellucid.spec import Spec
from tests.commands.export.runs import failing, graph_of, random_pixels
from tests.helpers import ROOT
from tests.model.test_contract import MODELS, make

QUICK = {"gcn"}  # dnn and autoencoder are exported by other tests


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]
)
def test_every_net(name: str) -> None:
    assert_exported(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_net_by_tracing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a torch whose other exporter fails."""
    monkeypatch.setattr(onnx_file, "_export", failing)
    assert_exported(name)


def assert_exported(name: str) -> None:
    torch.manual_seed(0)
    net, shape = make(name, (1, 20, 20), 10)
    graph = graph_of(net.eval(), shape)
    graph.classifies = name != "autoencoder"
    session = Session(to_onnx(graph, facts={}, opset=None), name)
    for count in (1, 2, 5):
        pixels_BCHW = random_pixels(count, *shape)
        with torch.no_grad():
            expected = graph(pixels_BCHW)
        given = session.run(pixels_BCHW)
        assert len(given) == len(expected) == (1 if name == "autoencoder" else 2)
        for one, other in zip(given, expected, strict=True):
            assert one.shape == other.shape
            assert torch.allclose(one, other, atol=1e-5)


def test_the_pixels_are_normalised_as_in_training() -> None:
    spec = Spec((3, 4, 4), ("a", "b"), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "a test")
    graph = Graph(net=nn.Identity(), spec=spec, inside=True, classifies=False)
    pixels_BCHW = random_pixels(8, 3, 4, 4)
    assert torch.equal(graph(pixels_BCHW)[0], spec.normalise(pixels_BCHW))


def test_nothing_is_told_of_the_machine(exported: Path) -> None:
    content = exported.read_bytes()
    for place in (ROOT, exported.parents[2], Path(torch.__file__).parent):
        assert str(place).encode() not in content


class Fixed(nn.Module):
    """Its trace holds for batches of one size."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.flatten(1)[:, :3] + torch.zeros(len(images_BCHW), 3)


class Choosing(nn.Module):
    """Its way through depends on values."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.flatten(1)[:, :3] * (2 if float(images_BCHW.sum()) > 0 else 1)


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (Fixed(), "fixes the size of a batch"),
        pytest.param(Choosing(), "data-dependent|size of a batch", marks=pytest.mark.slow),
    ],
)
def test_a_net_without_such_a_form(net: nn.Module, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        UserError, match=rf"{type(net).__name__} cannot be exported to ONNX: .*({reason}).*"
    ) as told:
        to_onnx(graph_of(net, (1, 4, 4)), facts={}, opset=None)
    assert str(told.value).endswith("format=state_dict works.")
    assert "\n" not in str(told.value)
    assert capfd.readouterr() == ("", ""), "the exporter's own words are kept from the console"

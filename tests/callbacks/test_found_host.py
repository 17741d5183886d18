"""Somebody else's training as its views' host.

Axes: N images, B of a batch, C channels, H × W pixels.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import Tensor, nn

from pellucid.callbacks.found_host import FoundHost, FoundNet, find_net, make_spec
from pellucid.discovery.batch import find_batch
from pellucid.discovery.normalization import OWN_RANGE, Normalization
from pellucid.discovery.pool import Pool, given_pool, heard_pool
from pellucid.discovery.received import Received
from pellucid.errors import UserError
from pellucid.inside.images import UNKNOWN

IMAGES = torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])
NAMES = ("ant", "bee", "cat")
ONES = Normalization((0.0,) * 3, (1.0,) * 3, "values in [0, 1]")
CPU = torch.device("cpu")


def classifier(width: int = 3) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, width))


class Module(nn.Module):
    """Holds nets; runs the first where it is asked to."""

    def __init__(self, **nets: nn.Module) -> None:
        super().__init__()
        for name, net in nets.items():
            self.add_module(name, net)


class Running(Module):
    def forward(self, images: Tensor) -> Any:
        return next(iter(self.children()))(images)


def find(
    module: nn.Module,
    pinned: Any = None,
    pool: Pool | None = None,
    names: tuple[str, ...] = NAMES,
    **options: Any,
) -> FoundNet:
    pool = pool or given_pool(IMAGES, LABELS)
    return find_net(
        module, pinned, pool, make_spec(pool, names, ONES), device=CPU, **{"score": None, **options}
    )


def host(folder: Path, module: nn.Module, labels: Tensor | None = LABELS, **options: Any) -> FoundHost:
    pool = given_pool(IMAGES, labels)
    found = find(module, pool=pool, **options)
    spec = make_spec(pool, options.get("names", NAMES), ONES)
    return FoundHost(found=found, pool=pool, spec=spec, figures=folder, source="Animals")


@pytest.mark.parametrize(
    ("module", "pinned", "name"),
    [
        (Running(net=classifier()), None, ""),
        (Module(net=classifier()), None, "net"),
        (Running(net=nn.Linear(1, 1)), None, None),
        (Module(one=classifier(), two=classifier(5)), "two", "two"),
        (Module(one=classifier()), "one.0", "one.0"),
    ],
)
def test_the_net_that_runs_is_found(module: nn.Module, pinned: Any, name: str | None) -> None:
    if name is None:
        with pytest.raises(UserError, match=r"No net in Running runs on its images \(6, 3, 4, 4\)"):
            find(module, pinned)
    else:
        found = find(module, pinned)
        assert found.name == name
        assert found.net is module.get_submodule(name)


def test_a_module_that_was_given() -> None:
    net = classifier()
    found = find(Module(one=classifier(), two=classifier()), net)
    assert found.net is net
    assert found.name == "net=…"


def test_several_children_are_told_by_their_names() -> None:
    with pytest.raises(UserError, match=r"Name the one that does, net='…', of encoder, decoder; or say"):
        find(Module(encoder=classifier(), decoder=classifier()))


def test_a_compiled_net_is_found_as_written() -> None:
    net = classifier()
    compiled: Any = torch.compile(net, backend="eager")
    assert find(Module(net=compiled)).net is net


def test_the_net_that_was_heard_is_taken_in_the_form_that_it_was_given() -> None:
    flat = nn.Sequential(nn.Linear(48, 3))
    module = Running(net=flat)
    with pytest.raises(UserError):
        find(module)
    found = find(module, heard=("net", Received(shape=(48,))))
    assert found.net is flat
    assert found.output.classes == NAMES


def test_finding_leaves_the_net_as_it_was() -> None:
    net = nn.Sequential(
        nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Dropout(), nn.Flatten(), nn.Linear(48, 1)
    )
    state, before = {name: value.clone() for name, value in net.state_dict().items()}, torch.get_rng_state()
    held = sorted(vars(net))
    pool = given_pool(IMAGES, LABELS % 2)
    pixels = pool.inputs_NCHW.clone()
    assert find(net, pool=pool, names=()).output.text.startswith("one score")
    assert all(torch.equal(state[name], value) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(pool.inputs_NCHW, pixels)
    assert all(parameter.grad is None for parameter in net.parameters())
    assert net.training
    assert sorted(vars(net)) == held


@pytest.mark.parametrize("ends_in_sigmoid", [False, True])
def test_one_number_is_a_probability_where_a_sigmoid_makes_it(ends_in_sigmoid: bool) -> None:
    head = nn.Linear(48, 1)
    nn.init.zeros_(head.weight)
    nn.init.constant_(head.bias, 0.3)
    net = nn.Sequential(nn.Flatten(), head, *([nn.Sigmoid()] if ends_in_sigmoid else []))
    found = find(net, pool=given_pool(IMAGES, LABELS % 2), names=())
    predicted = found.output.interpret(IMAGES, found.output.read(net(IMAGES)), None)
    torch.testing.assert_close(predicted["probabilities"][:, 1], torch.full((6,), 0.3).sigmoid())


def test_labels_of_several_classes_make_no_classifier() -> None:
    pool = given_pool(IMAGES, None)
    pool = replace(pool, first=replace(pool.first, is_multi_hot=True))
    assert find(classifier(), pool=pool).output.classes == ()


def test_predictions_are_of_images_of_known_classes_once_a_look(tmp_path: Path) -> None:
    labels = torch.tensor([0, UNKNOWN, 2, 0, UNKNOWN, 2])
    net = classifier()
    found = host(tmp_path, net, labels)
    with found.predictor(net).reading():
        predictions = found.predictions
        assert predictions is not None
        assert found.predictions is predictions
        found.begin_look()
        assert found.predictions is not predictions
    assert len(predictions) == 4
    net.eval()
    assert predictions.values["predicted"].tolist() == net(IMAGES).argmax(dim=1)[[0, 2, 3, 5]].tolist()


def test_a_net_of_no_scores_predicts_nothing(tmp_path: Path) -> None:
    assert host(tmp_path, classifier(7)).predictions is None


def test_images_are_fed_in_the_shape_that_the_net_takes(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(48, 3))
    found = host(tmp_path, net, heard=("", Received(shape=(48,))))
    predictor = found.predictor(net)
    with predictor.reading():
        assert torch.allclose(predictor.run(IMAGES), net(IMAGES.flatten(1)))
    with pytest.raises(RuntimeError):
        predictor.run(IMAGES)
    assert not net._forward_pre_hooks


def test_labels_beyond_the_names_have_numbers(tmp_path: Path) -> None:
    assert host(tmp_path, classifier(7), names=("ant",)).spec.classes == ("ant", "1", "2")
    assert host(tmp_path, classifier(3), names=()).spec.classes == ("0", "1", "2")
    assert host(tmp_path, classifier(7), None, names=()).spec.classes == ()


def test_training_images_have_their_names(tmp_path: Path) -> None:
    pool = given_pool(IMAGES, LABELS)
    net = find(classifier())
    options: dict[str, Any] = {"found": net, "pool": pool, "spec": make_spec(pool, NAMES, ONES)}
    with_some = FoundHost(
        **options,
        figures=tmp_path,
        source="",
        train=lambda count: (IMAGES[:count], LABELS[:count]),
        train_total=9,
    )
    assert with_some.has_training_images
    images = with_some.training_images(2)
    assert list(images.names) == ["ant", "bee"]
    assert images.total == 9
    without = FoundHost(**options, figures=tmp_path, source="", train=lambda count: (IMAGES[:count], None))
    assert list(without.training_images(1).names) == [""]
    assert not FoundHost(**options, figures=tmp_path, source="").has_training_images


def test_metrics_are_noted_under_our_names(tmp_path: Path) -> None:
    found = host(tmp_path, classifier())
    found.note(3, {"val_loss": torch.tensor(0.5), "train/acc": 1.0, "train_loss_epoch": 2.0, "lr": 0.1})
    found.note(4, {"train_loss_step": 9.0, "validation.f1": 0.25, "epoch_loss": 1.0})
    assert found.rows() == [
        {"epoch": 3, "val/loss": 0.5, "train/acc": 1.0, "train/loss": 2.0, "lr": 0.1},
        {"epoch": 4, "val/f1": 0.25, "/epoch_loss": 1.0},
    ]


def test_tables_of_numbers_are_left_alone(tmp_path: Path) -> None:
    board, table = TensorBoardLogger(tmp_path), CSVLogger(tmp_path)
    assert host(tmp_path, classifier()).loggers([table, board]) == [board]


def test_what_was_found_is_told_in_three_lines(tmp_path: Path) -> None:
    net, images, normalisation = host(tmp_path, Running(net=classifier())).told()
    assert net == "net: the module itself (Running, 83 parameters), gives scores of 3 classes"
    assert "3 × 4 × 4" in images
    assert "3 classes (ant, bee, cat); looked at are 6 validation images of Animals" in images
    assert normalisation == "normalisation: values in [0, 1]"
    pool = given_pool(IMAGES - 5, None)
    spec = make_spec(pool, (), Normalization((), (), OWN_RANGE))
    found = find_net(classifier(), None, pool, spec, device=CPU, score=None)
    net, images, normalisation = FoundHost(
        found=found, pool=pool, spec=spec, figures=tmp_path, source="Animals"
    ).told()
    assert "classes not known" in images
    assert normalisation == f"normalisation: {OWN_RANGE}"


class Bytes(nn.Module):
    """Scales bytes, and takes floats for scaled."""

    def __init__(self, *, minds: bool) -> None:
        super().__init__()
        self.net, self.minds = classifier(), minds

    def forward(self, images: Tensor) -> Any:
        scale = 255 if images.dtype == torch.uint8 or not self.minds else 1
        return self.net(images.float() / scale)


def heard(pixels: Tensor) -> Pool:
    """A batch as a loader gave it."""
    return heard_pool([find_batch((pixels, LABELS))])


def test_a_net_that_minds_whether_pixels_are_bytes_is_told_with_the_remedy() -> None:
    pixels = (IMAGES * 255).to(torch.uint8)
    assert find(Bytes(minds=False), pool=heard(pixels)).name == ""
    with pytest.raises(UserError, match=r"batch=lambda b: \(b\[0\] / 255, b\[1\]\)"):
        find(Bytes(minds=True), pool=heard(pixels))
    assert find(Bytes(minds=True), pool=heard(pixels / 255)).name == ""
    assert find(classifier(), pool=heard(pixels)).name == ""  # it takes floats only


def test_why_there_are_no_predictions_is_said_as_far_as_it_is_known(tmp_path: Path) -> None:
    assert host(tmp_path, Running(net=classifier(5))).no_classes == "not a classifier"
    unknown = host(tmp_path, Running(net=classifier()), labels=None, names=())
    assert unknown.no_classes == "its classes, if it has some, are not known: classes=[…]"

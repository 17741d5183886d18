"""Projects of others' packages end alike, bit by bit, with our one line and without; with it they show."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.foreign.environment import make_environment, why_not
from tests.foreign.runner import TOLD, run
from tests.helpers import once

pytestmark = pytest.mark.foreign

NET = {"activations", "curves", "feature_maps", "film_strip", "filters", "samples"}
CLASSIFIER = {*NET, "confusion", "embeddings", "explanations", "predictions"}
LOOKING = "Looking into the net: "


@dataclass(frozen=True)
class Case:
    """The packages that a project needs; what is drawn of it, all of that and nothing else; and texts in what
    is told of it: names of classes, how images were normalised.
    """

    packages: tuple[str, ...]
    views: set[str]
    told: tuple[str, ...]


SHAPES = "4 classes (circle, cross, square, stripes)"
IMAGENET = "mean 0.485, 0.456, 0.406, std 0.229, 0.224, 0.225"
DIGITS = ("10 classes (0 - zero, 1 - one, 2 - two, 3 - three, …)", "mean 0.1307, std 0.3081")
PROJECTS = {
    # Their nets normalise by themselves, what is looked at are plain pixels; a score of how strange an image
    # is, cut at a threshold that moves, is no probability of a class.
    "anomalib_fastflow": Case(("anomalib",), NET, ("batch.gt_label", "values in [0, 1]")),
    "anomalib_ganomaly": Case(("anomalib",), NET, ("batch.gt_label", "values in [0, 1]")),
    "lightly_simclr": Case(("lightly",), {*NET, "embeddings"}, ("batch[0][0]", SHAPES, IMAGENET)),
    # What has no net that takes images has images and curves.
    "lightning_autoencoder": Case((), {"curves", "samples"}, ("mean 0.5, std 0.5",)),
    "lightning_boring": Case((), set(), ("No images in a batch",)),
    "lightning_gan": Case((), {"curves", "samples"}, ("mean 0.5, std 0.5",)),
    "smp_shapes": Case(("segmentation-models-pytorch",), NET, ("batch['image']", "values in [0, 255]")),
    "timm_photos": Case(("timm",), CLASSIFIER, (SHAPES, "mean 0.5, 0.5, 0.5, std 0.5, 0.5, 0.5")),
    "torch_uncertainty_lenet": Case(("torch-uncertainty",), CLASSIFIER, DIGITS),
    "torch_uncertainty_packed": Case(("torch-uncertainty",), NET, DIGITS),  # four answers an image
    "torchgeo_eurosat": Case(
        ("torchgeo",), CLASSIFIER, ("13 × 64 × 64", "10 classes (AnnualCrop, Forest, ", "its own range")
    ),
    "transformers_vit": Case(
        ("transformers", "datasets"),
        CLASSIFIER,
        ("batch['pixel_values']", SHAPES, "mean 0.5, 0.5, 0.5, std 0.5, 0.5, 0.5"),
    ),
}
# In the gate are those that need nothing more than the tests do: no images, two nets with an optimizer each,
# a net of timm's.
GATE = {"lightning_boring", "lightning_gan", "timm_photos"}


@pytest.fixture(scope="session")
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that PELLUCID_FOREIGN names, else a new one of what the selected projects need; made
    before the tests lose the network.
    """
    if named := os.environ.get("PELLUCID_FOREIGN"):
        return Path(named)
    names = [item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")]
    packages = sorted({package for name in PROJECTS if name in names for package in PROJECTS[name].packages})
    return once(tmp_path_factory, "foreign", lambda folder: make_environment(folder, packages))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in GATE else ()) for name in PROJECTS]
)
def test_a_project_is_the_same_with_the_line_and_shows(environment: Path, name: str, tmp_path: Path) -> None:
    case = PROJECTS[name]
    if reason := why_not(environment, case.packages):
        if os.environ.get("PELLUCID_FOREIGN_REQUIRED"):
            pytest.fail(reason)
        pytest.skip(reason)
    without = run(environment, name, tmp_path / "without")
    ended = run(environment, name, tmp_path / "with", "--views", "all")
    assert not ended.differences(without)
    ours = {*ended.said} - {*without.said}
    assert not [line for line in ours if not line.startswith((*TOLD, LOOKING))]
    assert not [text for text in case.told if not any(text in line for line in ours)], ours
    assert ended.views == case.views
    assert not without.views

"""What is seen of an embedding, of a net whose layers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import UserError
from pellucid.inside.images import Images
from pellucid.inside.predictor import Predictor
from pellucid.spec import Spec
from pellucid.view import embedding as view
from pellucid.view.anomalies import AnomalyScorer
from pellucid.view.embedding import check_layer, embed_images, observe
from pellucid.view.neighbours import nearest_neighbours


def brightness(predictor_of: str = "classes") -> Predictor:
    """Of images of one pixel: a net that hands them on, and says 1 of those above a half."""

    def interpret(images_B111: Tensor, output: Tensor, labels: Tensor | None) -> Mapping[str, Tensor]:
        bright_B = output.flatten(1)[:, 0]
        if predictor_of == "errors":
            return {"mse": (bright_B - 0.5).square()}
        probabilities_BK = torch.stack([1 - bright_B, bright_B], dim=1)
        return {
            "predicted": (bright_B > 0.5).long(),
            "confidence": probabilities_BK.amax(dim=1),
            "probabilities": probabilities_BK,
        }

    net = nn.Sequential(nn.Flatten(), nn.Identity()).eval()
    spec = Spec(image_shape=(1, 1, 1), classes=("dark", "bright"), mean=(0.0,), std=(1.0,), statistics="none")
    return Predictor(net, spec, torch.device("cpu"), interpret)


def images(*values: int, labels: tuple[int, ...] | None = None) -> Images:
    labels_B = torch.tensor(labels or [int(value > 127) for value in values])
    files = [f"{value}.png" for value in values]
    return Images(
        torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1), labels_B, files, ["x"] * len(files)
    )


def test_each_image_is_looked_at_once_and_some_are_shown() -> None:
    batches = [images(0, 255), images(51, labels=(-1,))]
    seen = observe(brightness(), batches, "0", count=4, points=4, side=32, seed=0)
    assert seen.embedding.vectors_ND.tolist() == [[0], [1], [pytest.approx(0.2)]]
    assert seen.embedding.files == ["0.png", "255.png", "51.png"], "one less than there seemed to be"
    assert set(seen.embedding.predictions) == {"predicted", "confidence"}, "a number an image"
    assert seen.embedding.scores() == {"accuracy": 1.0}, "of the two whose class is known"
    assert seen.embedding.separation(0) == {}, "too few"
    assert seen.thumbnails_PHWC[:, 0, 0, 0].tolist() == [0, 255, 51]
    columns = seen.shown.columns(("dark", "bright"))
    assert columns["true"] == ["dark", "bright", "not known"]
    assert columns["predicted"] == ["dark", "bright", "dark"]
    assert columns["correct"] == ["yes", "yes", "not known"]
    assert columns["confidence"] == ["1.0000", "1.0000", "0.8000"]


def test_a_layout_is_aligned_to_that_of_the_same_images() -> None:
    index_N = np.array([7, 8, 9])
    embedding = embed_images(brightness(), [images(0, 102, 255)], "0", index_N=index_N)
    layout = embedding.layout("pca", seed=0, tsne_points=5)
    assert layout.index_S.tolist() == [7, 8, 9]
    assert abs(np.diff(layout.points_S2[:, 0])) == pytest.approx([0.4, 0.6], rel=1e-5)
    assert embedding.variance(layout) == pytest.approx([1, 0])
    mirrored = embedding.layout("pca", seed=0, tsne_points=5, previous=(index_N, -layout.points_S2))
    assert mirrored.points_S2 == pytest.approx(-layout.points_S2)
    others = embedding.layout("pca", seed=0, tsne_points=5, previous=(index_N + 1, -layout.points_S2))
    assert np.array_equal(others.points_S2, layout.points_S2), "of other images: nothing to align it to"
    assert len(embedding.layout("tsne", seed=0, tsne_points=2).rows_S) == 2


def test_what_has_no_vectors_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="layer=2: Sequential has no layer of that name"):
        check_layer(brightness(), "2")
    monkeypatch.setattr(view, "MAX_BYTES", 7)
    with pytest.raises(UserError, match="2 vectors of 1 numbers would take"):
        observe(brightness(), [images(0, 1)], "0", count=2, points=2, side=32, seed=0)


def test_neighbours_are_counted_but_for_the_query_itself() -> None:
    others = images(0, 255, 204, 51, 230)
    (found,) = nearest_neighbours(
        brightness(),
        [images(255, labels=(-1,))],
        [others],
        lambda index_K: images(*(int(others.pixels_BCHW[i]) for i in index_K)),
        layer="0",
        count=3,
        distance="euclidean",
    )
    assert [one.file for one in found.neighbours] == ["255.png", "230.png", "204.png"]
    assert [one.distance for one in found.neighbours] == pytest.approx([0, 25 / 255, 0.2])
    assert [one.same for one in found.neighbours] == [True, False, False]
    assert found.votes == [(1, 2)]
    assert (found.query.label, found.query.predicted, found.query.compared) == (-1, 1, 1)
    assert found.query.is_right(found.neighbours[0])


def test_the_worst_are_kept_and_the_error_tells_the_anomaly() -> None:
    predictor = brightness("errors")
    scorer = AnomalyScorer(predictor, 2, ("odd",))
    errors = []
    for pixels in ((127, 0), (255, 102)):
        inputs = predictor.inputs(images(*pixels).pixels_BCHW)
        values = {"mse": (inputs - 0.5).square().flatten()}
        scorer.update(inputs, torch.full_like(inputs, 0.5), values)
        errors.append(values["mse"])
    files = ["127", "0", "255", "102"]
    report = scorer.report(files, ["even", "odd", "odd", "even"], torch.cat(errors).numpy(), seed=0)
    assert report.worst.index == report.ranks[:2] == [1, 2]
    assert report.worst.originals_NHWC.flatten().tolist() == [0, 1]
    assert report.worst.reconstructions_NHWC.flatten().tolist() == [0.5, 0.5]
    assert report.roc is not None
    assert report.roc.area == 1
    with pytest.raises(UserError, match="anomaly=odd: all 1 image are"):
        scorer.report(["0"], ["odd"], np.zeros(1), seed=0)

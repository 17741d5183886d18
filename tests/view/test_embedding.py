"""What is seen of an embedding, of a net whose layers can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.errors import UserError
from pellucid.view import embedding as view
from pellucid.view.embedding import check_layer, embed_images, observe
from tests.view.nets import brightness, images


def test_each_image_is_looked_at_once_and_some_are_shown() -> None:
    batches = [images(0, 255), images(51, labels=(-1,))]
    seen = observe(brightness(), batches, "0", count=4, points=4, side=32, seed=0)
    assert seen.embedding.vectors_ND.tolist() == [[0], [1], [pytest.approx(0.2)]]
    assert seen.embedding.files == ["0.png", "255.png", "51.png"], "one less than there seemed to be"
    assert set(seen.embedding.predictions) == {"predicted", "confidence"}, "a number an image"
    assert seen.embedding.scores() == {"accuracy": 1.0}, "of the two whose class is known"
    assert seen.embedding.separation(0) == {}, "too few"
    assert seen.thumbnails_PHWC[:, 0, 0, 0].tolist() == [0, 255, 51]
    columns = seen.sample.columns(("dark", "bright"))
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

"""Names of nets and data sets by a pattern."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm

import pellucid


def test_nets_of_the_house_and_of_libraries() -> None:
    assert {"cnn", "xai", "resnet18", "vit_b_16"} <= set(pellucid.list_models())
    assert "resnet18" in pellucid.list_models("RESNET1*")
    assert set(pellucid.list_models("vit_tiny*")) == set(timm.list_models("vit_tiny*"))
    assert pellucid.list_models("nothing*") == []


def test_data_sets() -> None:
    assert {"digits", "catdog", "Flowers102"} <= set(pellucid.list_data())
    assert pellucid.list_data("flowers*") == ["Flowers102"]


def test_which_data_need_a_download(fashion: Path, photos: Path, tmp_path: Path) -> None:
    assert pellucid.has_data("digits")
    assert pellucid.has_data("catdog", "data.source=drawn")
    for name, root in (("fashion_mnist", fashion), ("catdog", photos)):
        assert pellucid.has_data(name, f"data.root={root}")
        assert not pellucid.has_data(name, f"data.root={tmp_path}")
    with pytest.raises(pellucid.UserError, match="data=fashion: there is no such"):
        pellucid.has_data("fashion")

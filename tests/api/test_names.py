"""Names of nets and data sets by a pattern."""

from __future__ import annotations

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

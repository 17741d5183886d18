"""Names of timm's nets and the tags of their weights: what a mistake is told."""

from __future__ import annotations

import sys

import pytest
import timm

from pellucid.errors import UserError
from pellucid.model.timm_source import tags_of
from tests.model.zoo import make_timm as make


def test_a_name_with_a_mistake_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"model\.arch=convnext_tny: .* Did you mean 'convnext_tiny'"):
        make("convnext_tny")


def test_a_pattern_lists_what_it_matches() -> None:
    with pytest.raises(
        UserError, match=r"model\.arch=test_vit\*: .* matches \d: test_vit, test_vit2"
    ) as caught:
        make("test_vit*")
    assert "more" not in str(caught.value)
    with pytest.raises(UserError, match=r"and \d{2,} more\. Choose one"):
        make("vit*")
    with pytest.raises(UserError, match="matches none"):
        make("nothing*")
    with pytest.raises(UserError, match=r"convnext_tiny\.fb_in22k"):
        make("convnext_tiny.*")


def test_without_timm_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r"pip install 'pellucid\[timm\]'"):
        make()


def test_a_net_without_weights_says_so() -> None:
    name = next(name for name in timm.list_models("resnet*") if not tags_of(name))
    with pytest.raises(UserError, match=f"model.weights=default: timm has no weights of {name}"):
        make(name, weights="default")

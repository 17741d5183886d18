"""Methods of explanation by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.commands.train import train
from pellucid.errors import UserError
from pellucid.explainer.grad_cam import NO_MAPS
from tests.callbacks.drawn import failures
from tests.helpers import compose


def test_methods_of_explanation_are_chosen_by_name(tmp_path: Path) -> None:
    config = compose("model=dnn", "callbacks=[explanations,film_strip]", "explainer=[saliency,grad_cam]")
    result = train(config, tmp_path)
    assert not failures(result)
    assert f"Grad-CAM ({NO_MAPS})" in (tmp_path / "train.log").read_text()
    for methods in ("[occlusion]", "[]", "salience"):
        with pytest.raises(UserError, match="names among saliency, grad_cam"):
            train(
                compose(
                    "callbacks=explanations",
                    "explainer=[saliency,grad_cam]",
                    f"callbacks.explanations.methods={methods}",
                ),
                tmp_path / "wrong",
            )

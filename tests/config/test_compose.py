"""Composition by Hydra, and what stays as it was written."""

from __future__ import annotations

from omegaconf import OmegaConf

from tests.helpers import CONF


def test_two_compositions_have_folders_of_their_own() -> None:
    from pellucid.config.compose import compose as compose_all

    one, other = (compose_all(CONF, "train", []) for _ in range(2))
    names = []
    for config in (one, other):
        raw = OmegaConf.to_container(config.hydra.run, resolve=False)
        assert isinstance(raw, dict)
        assert "${unique:}" in raw["dir"]
        names.append(OmegaConf.create({"u": "${unique:}"}).u)
    assert names[0] != names[1]

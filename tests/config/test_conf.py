"""The YAML files: rooms and their words."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from pellucid.config.signature import read_signature
from tests.helpers import CONF, ROOT, compose

OURS = ["model", "task", "data", "callbacks", "explainer"]
THIRD_PARTY = ["optimizer", "scheduler", "trainer", "logger", "sweep"]
# What the wiring gives beside the YAML.
OFFERED = {
    *(
        "image_shape",
        "num_classes",
        "net",
        "optimizer",
        "scheduler",
        "seed",
        "mean",
        "std",
        "config",
        "gallery",
    )
}


@pytest.mark.parametrize("room", OURS)
def test_a_room_has_a_folder_of_code_and_of_tests(room: str) -> None:
    assert (ROOT / "src" / "pellucid" / room).is_dir()
    assert (ROOT / "tests" / room).is_dir()


def targets(room: str) -> list[tuple[str, dict[str, object]]]:
    found = []
    for path in sorted((CONF / room).glob("*.yaml")):
        config = OmegaConf.to_container(OmegaConf.load(path))
        nodes = [config, *config.values()] if isinstance(config, dict) else []
        found += [(path.stem, n) for n in nodes if isinstance(n, dict) and "_target_" in n]
    return found


@pytest.mark.parametrize("room", OURS)
def test_yaml_and_constructor_have_the_same_keys(room: str) -> None:
    checked = 0
    for name, node in targets(room):
        target = str(node["_target_"])
        if not target.startswith("pellucid."):
            continue
        signature = read_signature(target)
        assert signature is not None, target
        keys = {str(key) for key in node if key not in ("_target_", "defaults")}
        assert keys | (OFFERED & set(signature.annotations)) == set(signature.annotations), name
        assert signature.required == set(signature.annotations), f"{name}: defaults belong into YAML"
        checked += 1
    written = "".join(path.read_text() for path in (CONF / room).glob("*.yaml"))
    assert checked == written.count("_target_: pellucid.") >= {"model": 6, "task": 2, "data": 5}.get(room, 4)


@pytest.mark.parametrize("room", THIRD_PARTY)
def test_the_other_rooms_hold_third_party_targets_only(room: str) -> None:
    found = targets(room)
    assert found
    assert not any(str(node["_target_"]).startswith("pellucid.") for _, node in found)


@pytest.mark.parametrize("path", sorted(CONF.glob("*/*.yaml")), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_choice_composes(path: Path) -> None:
    extra = ["data.root=/x"] if path.stem == "image_folder" else []
    config = compose(f"{path.parent.name}={path.stem}", *extra)
    assert {"model", "data", "task", "trainer"} <= set(config)


def test_the_model_chooses_its_task() -> None:
    assert compose("model=autoencoder")["task"]["_target_"].endswith("Reconstruction")
    assert compose("model=cnn")["task"]["_target_"].endswith("Classification")
    forced = compose("model=autoencoder", "task=classification")
    assert forced["task"]["_target_"].endswith("Classification")


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

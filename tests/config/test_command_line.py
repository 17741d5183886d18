"""A line taken apart, its paths to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from pellucid.config.command import Command
from pellucid.config.command_line import assignment, quote_path, split
from pellucid.config.compose import compose
from pellucid.config.line_check import check, compose_line
from pellucid.errors import UserError
from tests.helpers import CONF


@pytest.mark.parametrize(
    "folder",
    [
        "a=b",
        "with space",
        "[x]",
        "{a,b}",
        "한글",
        "it's",
        "(1)",
        "100%",
        "a:b",
        "2024",
        "true",
        "a,b",
        "#1",
    ],
)
def test_paths_are_taken_to_the_letter(folder: str) -> None:
    line = split([f"resume=/tmp/{folder}", f"data.root={folder}"])
    assert line.value("resume") == f"/tmp/{folder}"
    assert line.value("data.root") == str(Path(folder).absolute()), "a run may be resumed from elsewhere"
    config = compose(CONF, "train", ["data=image_folder", line.overrides[1]])
    assert config.data.root == str(Path(folder).absolute())


def test_quoting_leaves_sweeps_and_quoted_values() -> None:
    assert quote_path("data.root=a,b", multirun=True) == "data.root=a,b"
    assert quote_path("data.root='a'", multirun=False) == "data.root='a'"
    assert quote_path("model.weights=none", multirun=False) == "model.weights=none"


def test_weights_are_a_file_or_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.pt").touch()
    assert quote_path("model.weights=net.pt") == f"model.weights={tmp_path / 'net.pt'}"
    assert quote_path("model.weights=other/net.pt") == f"model.weights={tmp_path / 'other/net.pt'}"
    for word, model in [("augreg_in21k_ft_in1k", ["model=timm"]), ("DEFAULT", ["model=resnet_frozen"])]:
        line = split([*model, f"model.weights={word}"])
        assert line.value("model.weights") == word
        assert compose(CONF, "train", line.overrides).model.weights == word
    line = split(["model=own", "model._target_=torchvision.models.vgg11", "+model.weights=DEFAULT"])
    assert compose(CONF, "train", line.overrides).model.weights == "DEFAULT"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("anomaly=[3,5]", "anomaly=['3','5']"),
        ("anomaly=[1.10, Ankle boot]", "anomaly=['1.10','Ankle boot']"),
        ("anomaly=['3',\"a,b\",null]", "anomaly=['3',\"a,b\",null]"),
        ("anomaly=[]", "anomaly=[]"),
        ("anomaly=3", "anomaly='3'"),
    ],
)
def test_names_in_a_list_are_texts(written: str, text: str) -> None:
    assert quote_path(written, Command(CONF, "embed")) == text


@pytest.mark.parametrize(("name", "line"), [("explain", ["run=a", "images=b"]), ("compare", ["runs=[a,b]"])])
def test_layers_may_be_named_by_numbers(name: str, line: list[str]) -> None:
    given = split([*line, "layers=[0,1]"], Command(CONF, name))
    check(given, conf=CONF, name=name)
    assert compose_line(given, CONF, name)["layers"] == ["0", "1"]


@pytest.mark.parametrize("text", ["a", "it's", "back\\", "two\\\\", "\\'", "a\\b's\\", ""])
def test_a_text_is_read_as_it_was_assigned(text: str) -> None:
    (override,) = OverridesParser.create().parse_overrides([assignment("out", text)])
    assert override.value() == text


def test_losses_and_metrics_of_ones_own_are_added_without_a_sign() -> None:
    metric = "task.metrics.f1._target_=torchmetrics.classification.MulticlassF1Score"
    line = split([metric, "+task.loss._target_=torch.nn.NLLLoss", "task.focal=2.0"])
    assert line.overrides == [f"++{metric}", "+task.loss._target_=torch.nn.NLLLoss", "task.focal=2.0"]


def test_a_file_beside_the_user_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mynet.py").touch()
    (tmp_path / "torch").mkdir()  # whose name is that of an installed one
    (tmp_path / "loss").mkdir()
    monkeypatch.chdir(tmp_path)
    line = split(
        ["model._target_=mynet.Net", "task.loss._target_=loss.of.Mine", "optimizer._target_=torch.nn.X"]
    )
    assert line.with_user_files(CONF).value("packages") == ["mynet", "loss"]
    named = split(["packages=[other]", "model._target_=mynet.Net"]).with_user_files(CONF)
    assert named.value("packages") == ["other"]
    monkeypatch.chdir(CONF)
    assert split(["model._target_=mynet.Net"]).with_user_files(CONF).value("packages") is None


def test_a_folder_with_files_of_commands_is_no_folder_of_choices(tmp_path: Path) -> None:
    (tmp_path / "explain.yaml").touch()
    with pytest.raises(UserError, match=r"its explain\.yaml would take the place of our own"):
        split(["--config-dir", str(tmp_path)]).with_user_files(CONF)

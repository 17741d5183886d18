"""Completion: what a line may become, and that bash, zsh and fish ask for it and take it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from pellucid.commands import shell
from pellucid.commands.completion import SHELLS, completions, shell_script


def words(line: str) -> list[str]:
    return [word for word, _ in completions(f"pellucid {line}")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tr", ["train"]),
        ("train mod", ["model=", "model."]),
        ("train model=resnet", ["model=resnet9", "model=resnet_finetune", "model=resnet_frozen"]),
        ("train -m model=cnn,xa", ["model=cnn,xai"]),
        ("train callbacks=[default,early", ["callbacks=[default,early_stopping"]),
        ("train ~callbacks.emb", ["~callbacks.embeddings."]),
        ("train model=resnet_frozen model.arc", ["model.arch="]),
        ("train model.arc", []),
        ("train bogus=1 'model=cnn model.drop", ["model.dropout="]),
        ("train optimizer.weight_de", ["optimizer.weight_decay="]),  # an option of the class alone
        ("train optimizer.lr=", ["optimizer.lr=0.001"]),
        ("train report=", ["report=true", "report=false"]),
        ("export run=last format=onnx", ["format=onnx", "format=onnx_int8"]),
        ("explain explainer=grad", ["explainer=grad_cam"]),
        ("evaluate data=dig", ["data=digits"]),
        ("train --cf", ["--cfg"]),
        ("completion z", ["zsh"]),
        ("bogus mod", []),
    ],
)
def test_what_a_line_may_become(line: str, expected: list[str]) -> None:
    assert words(line) == expected


def test_runs_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for end in ("deeper", "0a1b2c"):
        config = tmp_path / "outputs" / "cnn_digits" / f"2026-01-01_00-00-00_{end}" / ".hydra"
        config.mkdir(parents=True)
        (config / "overrides.yaml").touch()
    (tmp_path / "cat one.jpg").touch()
    (tmp_path / ".hidden").touch()
    monkeypatch.chdir(tmp_path)
    assert words("evaluate run=") == ["run=last", "run=deeper", "run=outputs/"]
    assert words("evaluate run=outputs/cnn") == ["run=outputs/cnn_digits/"]
    assert words("explain images=") == ["images=cat one.jpg", "images=outputs/"]
    assert words("explain images=.h") == ["images=.hidden"]


def test_a_file_of_a_users_that_is_no_text_does_not_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_bytes(b"\xff\xfe")
    assert words("train model=mi") == ["model=mine"]


def test_choices_tell_what_they_are() -> None:
    about = dict(completions("pellucid train logger="))
    assert about["logger=none"].startswith("metrics.csv")
    assert "epochs" in dict(completions("pellucid train keep_every"))["keep_every="]


def say(monkeypatch: pytest.MonkeyPatch, *argv: str) -> None:
    monkeypatch.setattr(sys, "argv", ["pellucid", *argv])
    shell.main()


@pytest.mark.parametrize("name", SHELLS)
def test_the_script_of_a_shell(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say(monkeypatch, "completion", name)
    assert capsys.readouterr().out == shell_script(name)


def test_without_a_shell_it_is_told_how(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say(monkeypatch, "completion")
    told = capsys.readouterr().out
    assert all(f"pellucid completion {name}" in told for name in SHELLS)


def test_a_shell_that_is_not_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        say(monkeypatch, "completion", "fisch")
    told = capsys.readouterr().err
    assert told == "error: completion fisch: expected bash, zsh, fish. Did you mean 'fish'?\n"


def test_nothing_wrong_is_printed_into_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say(monkeypatch, "--complete", "pellucid train model=bogus data.")
    told = capsys.readouterr()
    assert told.err == ""
    assert "data.batch_size=" in told.out


def test_bash_takes_them() -> None:
    """What it is asked is played; its own splitting of words at = is not."""
    line = "pellucid train model=au"
    code = (
        f"pellucid() {{ printf 'model=autoencoder\\tabout it\\nmodel=a.\\t\\n'; }}\n{shell_script('bash')}\n"
        f"COMP_LINE='{line}' COMP_POINT={len(line)}\n_pellucid\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["autoencoder ", "a."]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_fish_takes_them() -> None:
    code = f"{shell_script('fish')}\ncomplete --do-complete 'pellucid train model=xa'"
    done = subprocess.run(["fish", "--no-config", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["model=xai"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_takes_them(tmp_path: Path) -> None:
    file = tmp_path / "completion.zsh"
    file.write_text(shell_script("zsh"))
    with pexpect.spawn("zsh", ["-f", "-i"], encoding="utf-8", timeout=60, dimensions=(24, 110)) as zsh:
        zsh.sendline(
            f"PS1='> '; autoload -U compinit; compinit -u -d {tmp_path}/dump; source {file}; echo re''ady"
        )
        zsh.expect("\nready")
        zsh.send("pellucid train model=autoe\t")
        zsh.expect("model=autoencoder")
        zsh.send("trainer.max_ep\t3")
        zsh.expect("trainer.max_epochs=.*3")

"""Signatures read as text equal those that Python has after importing."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.config.signature import read_signature
from pellucid.errors import UserError

TARGETS = [
    "torch.optim.Adam", "torch.optim.AdamW", "torch.optim.SGD",
    "torch.optim.lr_scheduler.CosineAnnealingLR", "torch.optim.lr_scheduler.ReduceLROnPlateau",
    "lightning.pytorch.Trainer", "lightning.pytorch.loggers.TensorBoardLogger",
    "lightning.pytorch.loggers.CSVLogger", "lightning.pytorch.callbacks.EarlyStopping",
    "torch.nn.Linear", "pellucid.model.xai.XAI",
    "pellucid.task.base.Task", "pellucid.callbacks.summary.Summary",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_equals_inspect(target: str) -> None:
    module, _, name = target.rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    found = read_signature(target)
    assert found is not None
    named = {name: p for name, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    assert list(found.annotations) == list(named)
    assert found.open == any(p.kind == p.VAR_KEYWORD for p in parameters.values())


MORE = ("num_classes", "zero_init_residual", "groups", "width_per_group", "replace_stride_with_dilation")


@pytest.mark.parametrize(
    ("target", "names", "is_open"),
    [
        ("torchvision.models.resnet18", ("weights", "progress", *MORE, "norm_layer"), False),
        ("torchvision.models.alexnet", ("weights", "progress", "num_classes", "dropout"), False),
        ("torchvision.models.shufflenet_v2_x0_5", ("weights", "progress"), True),  # by *args too
        ("tests.config.targets.build_net", ("image_shape", "num_classes", "width"), False),
        ("tests.config.targets.hands_on", ("seed", "image_shape", "num_classes", "width"), False),
        ("tests.config.targets.half", ("num_classes", "half", "image_shape"), False),
        ("tests.config.targets.of_whatever", ("block",), True),
        ("tests.config.targets.asks", ("base", "size", "depth", "rate"), False),
        ("tests.config.targets.keeps", (), True),
    ],
)
def test_what_a_function_hands_on(target: str, names: tuple[str, ...], is_open: bool) -> None:
    found = read_signature(target)
    assert found is not None
    assert (sorted(found.annotations), found.open) == (sorted(names), is_open)


def test_what_a_constructor_hands_on_to_its_base() -> None:
    found = read_signature("pellucid.data.catdog.CatDog")
    assert found is not None
    assert not found.open
    assert {"root", "source", "image_size", "seed"} <= set(found.annotations)
    assert not {"spec", "test_fraction"} & set(found.annotations), "it gives these itself"
    task = read_signature("pellucid.task.classification.Classification")
    base = read_signature("pellucid.task.base.Task")
    assert task is not None
    assert base is not None
    own = {"num_classes", "label_smoothing", "class_weights", "focal"}
    own |= {"mix", "mix_alpha", "mix_probability"}
    assert (set(task.annotations), task.open) == (set(base.annotations) | own, False)


@pytest.mark.parametrize("target", ["nowhere.Class", "torch.optim.Nothing", "Class", "os.path.join2"])
def test_what_cannot_be_found_is_none(target: str) -> None:
    assert read_signature(target) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [("x = 1\nclass Net(\n", r"broken_net\.py, line 2: '\(' was never closed"), ("x = '\0'\n", "null bytes")],
)
def test_what_is_no_python_is_a_mistake_of_its_file(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_net.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    read_signature.cache_clear()
    with pytest.raises(UserError, match=said):
        read_signature("broken_net.Net")


def test_nothing_is_imported() -> None:
    code = (
        "import sys; from pellucid.config.signature import read_signature;"
        "assert read_signature('lightning.pytorch.Trainer').annotations;"
        "assert not {'torch', 'lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

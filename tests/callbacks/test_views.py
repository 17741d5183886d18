"""Views in anybody's Lightning training: nothing of it changes, and there are pictures.

Axes: B of a batch, C channels, H × W pixels.
"""

from __future__ import annotations

import copy
import logging
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer, callbacks, seed_everything
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.tuner.tuning import Tuner
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy

from pellucid.callbacks.views import VIEWS, Views
from pellucid.errors import UserError
from tests.callbacks.foreign import (
    CHEAP,
    CLASSES,
    Animals,
    Batch,
    Case,
    Plain,
    Ran,
    Stream,
    different,
    lightning_warnings,
    loader,
    net,
)
from tests.helpers import ROOT


class Manual(Plain):
    """Two optimizers, stepped by hand, one of them every second time."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        features, head = self.optimizers()  # type: ignore[attr-defined]
        loss = self._step(batch, "train")
        self.manual_backward(loss)
        head.step()
        head.zero_grad()
        if batch_idx % 2:
            features.step()
            features.zero_grad()

    def configure_optimizers(self) -> Any:
        features, head = self.net[:-1].parameters(), self.net[-1].parameters()
        return torch.optim.SGD(features, lr=0.1), torch.optim.Adam(head, lr=0.01)


class Talking(Plain):
    """Its forward logs."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        scores_BK = super().forward(images_BCHW)
        self.log("largest", scores_BK.detach().max(), on_step=True, on_epoch=True)
        self.log_dict({"smallest": scores_BK.detach().min()}, on_step=False, on_epoch=True)
        return scores_BK


class Measured(Plain):
    """With metrics of torchmetrics, one logged as an object and one computed by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.accuracy, self.by_hand = (MulticlassAccuracy(len(CLASSES)) for _ in range(2))

    def _step(self, batch: Batch, stage: str) -> Tensor:
        images_BCHW, labels_B = batch
        scores_BK = self(images_BCHW)
        if stage == "val":
            self.accuracy(scores_BK, labels_B)
            self.log("val_accuracy", self.accuracy)
        else:
            self.by_hand.update(scores_BK, labels_B)
        loss = functional.cross_entropy(scores_BK, labels_B)
        self.log(f"{stage}_loss", loss, on_step=True, on_epoch=True)
        return loss

    def on_train_epoch_end(self) -> None:
        self.log("train_accuracy", self.by_hand.compute())
        self.by_hand.reset()


class NormalisesInForward(Plain):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        return super().forward(images_BCHW.float().div(255).sub(0.5).div(0.25))


class NormalisesOnTransfer(Plain):
    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        images_BCHW, labels_B = batch
        images_BCHW = images_BCHW.float() / 255
        if self.trainer.training:
            images_BCHW = images_BCHW * torch.rand(())
        return images_BCHW, labels_B


def uint8() -> tuple[Any, Any]:
    return loader(Animals(dtype=torch.uint8), shuffle=True), loader(Animals(12, dtype=torch.uint8))


CASES = {
    "plain": Case(),
    "manual": Case(Manual),
    "accumulation": Case(options={"accumulate_grad_batches": 2, "gradient_clip_val": 0.1}),
    "bf16": Case(options={"precision": "bf16-mixed"}),
    "within": Case(options={"val_check_interval": 1, "num_sanity_val_steps": 0}),
    "unvalidated": Case(options={"limit_val_batches": 0}),
    "no_validation": Case(data=lambda: (loader(Animals(), shuffle=True), None)),
    "rarely": Case(options={"check_val_every_n_epoch": 2, "num_sanity_val_steps": 0}),
    "stream": Case(data=lambda: (loader(Stream()), None), options={"max_epochs": 1}),
    "streams": Case(
        data=lambda: (loader(Animals()), loader(Stream(16))),
        options={"max_epochs": 1, "num_sanity_val_steps": 0},
    ),
    "several": Case(data=lambda: (loader(Animals()), [loader(Animals(12)), loader(Animals(6))])),
    "random": Case(data=lambda: (loader(Animals(noise=True), shuffle=True), loader(Animals(12, noise=True)))),
    "talking": Case(Talking),
    "measured": Case(Measured),
    "in_forward": Case(NormalisesInForward, uint8),
    "on_transfer": Case(NormalisesOnTransfer, uint8),
    "csv": Case(logger=lambda folder: CSVLogger(folder)),
    "tensorboard": Case(Talking, logger=lambda folder: TensorBoardLogger(folder)),
    "stochastic": Case(callbacks=lambda: [callbacks.StochasticWeightAveraging(swa_lrs=0.01)]),
    "stopped": Case(callbacks=lambda: [callbacks.EarlyStopping("val_loss", patience=1)]),
    "steps": Case(options={"max_steps": 4, "max_epochs": -1}),
}
if hasattr(callbacks, "WeightAveraging"):
    CASES["ema"] = Case(callbacks=lambda: [callbacks.EMAWeightAveraging(decay=0.9)])


def both(folder: Path, case: Case, views: Views | None = None) -> Ran:
    """The training with views, which left all as without."""
    views = views or Views(only=CHEAP, share=None)
    seen, unseen = case.fit(folder / "seen", views), case.fit(folder / "unseen", None)
    assert different(seen.kept, unseen.kept) == ""
    return seen


@pytest.fixture(autouse=True)
def warned(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What is told by us as a warning."""
    return lambda: [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("pellucid") and record.levelno >= logging.WARNING
    ]


@pytest.mark.parametrize("name", CASES)
def test_all_is_as_without(tmp_path: Path, name: str, warned: Callable[[], list[str]]) -> None:
    seen = both(tmp_path, CASES[name])
    assert not warned()
    assert seen.drawn == set(CHEAP)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "bf16", "measured", "random", "streams", "tensorboard"])
def test_all_is_as_without_any_view(tmp_path: Path, name: str, warned: Callable[[], list[str]]) -> None:
    seen = both(tmp_path, CASES[name], Views(share=None))
    assert not warned()
    assert seen.drawn >= {"feature_maps", "filters", "explanations", "confusion", "film_strip", "activations"}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, of this test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_fast_development_run_leaves_nothing(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, warned: Callable[[], list[str]]
) -> None:
    drawn: list[None] = []
    draw = VIEWS["filters"].draw
    monkeypatch.setattr(VIEWS["filters"], "draw", lambda *given: drawn.append(draw(*given)))
    both(tmp_path, Case(options={"fast_dev_run": 2}))
    assert drawn == [None]
    assert not warned()
    assert [path for path in tmp_path.rglob("*") if path != temporary] == []


def test_the_table_of_numbers_has_the_same_columns(tmp_path: Path) -> None:
    case = Case(logger=lambda folder: CSVLogger(folder))
    case.fit(tmp_path / "seen", Views(only=["filters", "activations"]))
    case.fit(tmp_path / "unseen", None)
    seen, unseen = (
        (tmp_path / name / "lightning_logs" / "version_0" / "metrics.csv").read_text()
        for name in ("seen", "unseen")
    )
    assert seen == unseen


def test_the_tuner_looks_for_a_rate_as_without(tmp_path: Path, warned: Callable[[], list[str]]) -> None:
    def suggested(folder: Path, views: list[Views]) -> list[Any]:
        seed_everything(3)
        module = Plain()
        module.lr = 0.1  # type: ignore[assignment]
        train, val = CASES["plain"].data()
        trainer = Trainer(
            max_epochs=1,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
            callbacks=[*views],
            log_every_n_steps=1,
        )
        with lightning_warnings():
            found = Tuner(trainer).lr_find(module, train, val, num_training=5, update_attr=False)
            assert found is not None
            assert not list(folder.rglob("*.png"))
            trainer.fit(module, train, val)
        return [found.results, dict(module.state_dict())]

    seen, unseen = (
        suggested(tmp_path / "seen", [Views(only=CHEAP, share=None)]),
        suggested(tmp_path / "unseen", []),
    )
    assert different(seen, unseen) == ""
    assert list(tmp_path.rglob("*.png"))
    assert not warned()


def test_a_resumed_training_is_as_without(tmp_path: Path, warned: Callable[[], list[str]]) -> None:
    begun = Case().fit(tmp_path / "begun", Views(only=CHEAP, share=None))
    case = Case(options={"max_epochs": 4})
    ckpt = begun.folder / "end.ckpt"
    seen = case.fit(tmp_path / "seen", Views(only=CHEAP, share=None), ckpt=ckpt)
    unseen = case.fit(tmp_path / "unseen", None, ckpt=ckpt)
    assert different(seen.kept, unseen.kept) == ""
    assert "predictions/epoch_0004.png" in seen.pictures
    assert "predictions/epoch_0001.png" not in seen.pictures
    assert not warned()


class Compiled(Plain):
    """Its net is compiled, as a wrapper."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.compile(self.net, backend="eager")  # type: ignore[assignment]


class CompiledInPlace(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.net.compile(backend="eager")


class CompiledForward(Plain):
    """What is compiled calls the net within."""

    def __init__(self) -> None:
        super().__init__()
        self.forward = torch.compile(super().forward, backend="eager")  # type: ignore[method-assign]


@pytest.mark.slow
@pytest.mark.parametrize("module", [Compiled, CompiledInPlace, CompiledForward])
def test_a_compiled_net_is_compiled_as_often_as_without(
    tmp_path: Path, module: type[Plain], warned: Callable[[], list[str]]
) -> None:
    def compiled() -> int:
        return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])

    counts = []
    rans: list[Ran] = []
    for views in (None, Views(only=CHEAP, share=None)):
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        rans.append(Case(module).fit(tmp_path / str(len(rans)), views))
        counts.append(compiled())
    assert different(rans[0].kept, rans[1].kept) == ""
    assert counts[0] == counts[1] > 0
    assert rans[1].drawn == set(CHEAP)
    assert not warned()


def test_a_view_that_raises_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warned: Callable[[], list[str]]
) -> None:
    def draw(view: Any, snapshot: Any) -> None:
        snapshot.net.train()
        torch.rand(3)
        raise RuntimeError("no ink")

    monkeypatch.setattr(VIEWS["filters"], "draw", draw)
    seen = both(tmp_path, Case())
    assert seen.drawn == {"predictions"}
    assert sum("no ink" in line for line in warned()) == 1


class Breaks(Plain):
    def training_step(self, batch: Batch, batch_idx: int) -> Any:
        if self.global_step == 4:
            raise ValueError("out of fuel")
        return super().training_step(batch, batch_idx)


@pytest.mark.parametrize("options", [{}, {"fast_dev_run": 6}, {"limit_val_batches": 0}])
def test_an_exception_of_the_training_is_its_own(
    tmp_path: Path, temporary: Path, options: dict[str, Any]
) -> None:
    views = Views(only=CHEAP, share=None)
    with pytest.raises(ValueError, match="out of fuel"):
        Case(Breaks, lambda: (loader(Animals(64)), loader(Animals(12))), options).fit(tmp_path, views)
    assert not list(temporary.iterdir())


def test_a_validation_alone_is_not_looked_at(tmp_path: Path, warned: Callable[[], list[str]]) -> None:
    views = Views(only=CHEAP, share=None)
    trainer = Trainer(
        logger=False,
        accelerator="cpu",
        callbacks=[views],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    module = Mirrors()
    with lightning_warnings():
        trainer.validate(module, loader(Animals(12)), verbose=False)
    assert not list(tmp_path.iterdir())
    assert not warned()
    assert not module._forward_pre_hooks


class Unwritten(Animals):
    """Images under names that nobody knows."""

    def __getitem__(self, index: int) -> Any:
        return {"deep": [super().__getitem__(index)[0].flatten()], "kinds": self.targets[index]}


class TakesDeep(Plain):
    def _step(self, batch: Batch, stage: str) -> Tensor:
        return super()._step((batch["deep"][0].view(-1, 3, 12, 12), batch["kinds"]), stage)


@pytest.mark.parametrize("data", ["validation", "training", "stream"])
def test_a_batch_without_images_stops_nothing_and_is_told_with_the_remedy(
    tmp_path: Path, data: str, warned: Callable[[], list[str]]
) -> None:
    class Flow(Stream):
        def __init__(self) -> None:
            super().__init__()
            self.animals = Unwritten()

    case = Case(
        TakesDeep,
        lambda: (
            loader(Flow() if data == "stream" else Unwritten()),
            loader(Unwritten(12)) if data == "validation" else None,
        ),
        {"max_epochs": 1},
    )
    both(tmp_path, case)
    (told,) = warned()
    assert told.startswith("No pictures: No images in a batch: expected a tensor (B, C, H, W)")
    views = Views(
        only=CHEAP,
        share=None,
        classes=CLASSES,
        batch=lambda b: (b["deep"][0].view(-1, 3, 12, 12), b["kinds"]),
    )
    assert both(tmp_path / "picked", case, views).drawn == set(CHEAP)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"net": "nets"}, "net=nets: Plain has no module of that name"),
        ({"batch": lambda b: b["image"]}, "batch=…: TypeError"),
        ({"score": "anomaly"}, "score=anomaly"),
        ({"mean": [0.5, 0.5], "std": [1, 1]}, "for each of 3 channels"),
    ],
)
def test_what_was_given_and_does_not_fit_is_raised_before_the_first_step(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        Case().fit(tmp_path, Views(only=CHEAP, share=None, **options))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"only": ["filter"]}, "filter: no view of that name. Did you mean 'filters'"),
        ({"filters": {"kernel": 3}}, "filters: no option kernel"),
        ({"filters": ["0"]}, "expected its options"),
        ({"feature_maps": {"maps": "many"}}, "feature_maps: .*Given was {'maps': 'many'}"),
        ({"predictions": {"count": 0}}, "count=0: expected 1"),
        ({"every_n_epochs": "often"}, "every_n_epochs': 'often'"),
        ({"only": "filters"}, "only=.'filters'."),
        ({"classes": "cat"}, "classes=.'cat'."),
        ({"share": "much"}, "share=much: expected 0 or more"),
        ({"net": 3}, "net=3: expected a module or its name, got int"),
        ({"batch": "image"}, "batch=image: expected a function"),
        ({"score": 1}, "score=1: expected a name or a function"),
        ({"folder": Path(__file__) / "figures"}, "cannot be made"),
        ({"mean": ["a"], "std": ["b"]}, "expected both"),
        ({"mean": [0.5]}, "expected both"),
        ({"mean": [0.5], "std": [0.0]}, "std above 0"),
    ],
)
def test_options_that_there_are_not_are_told(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Views(**options)


def test_views_that_have_looked_can_be_copied_to_another_process(tmp_path: Path) -> None:
    views = Views(only=CHEAP, share=None)
    Case().fit(tmp_path / "first", views)
    Case().fit(tmp_path / "again", pickle.loads(pickle.dumps(copy.deepcopy(views))))
    first, again = (
        {path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*.png")}
        for name in ("first", "again")
    )
    assert first == again != set()


def test_a_loop_without_lightning(tmp_path: Path) -> None:
    animals, module = Animals(12), net()
    views = Views(
        net=module,
        images=animals.pixels_NCHW,
        labels=animals.targets,
        only=CHEAP,
        share=None,
        folder=tmp_path / "figures",
    )
    state = {name: value.clone() for name, value in module.state_dict().items()}
    before = torch.get_rng_state()
    for epoch in (1, 2):
        views.look(epoch)
    views.finish(2)
    assert different(state, dict(module.state_dict())) == ""
    assert torch.equal(torch.get_rng_state(), before)
    assert module.training
    assert {path.relative_to(tmp_path / "figures").parts[0] for path in tmp_path.rglob("*.png")} == set(CHEAP)
    with pytest.raises(UserError, match="look"):
        Views().look(1)


def test_a_folder_of_an_older_loop_is_begun_anew(tmp_path: Path) -> None:
    """As a cell of a notebook that is run again; what else lies in the folder stays."""
    animals, figures = Animals(12), tmp_path / "figures"
    (figures / "filters").mkdir(parents=True)
    mine = [figures / "mine.npz", figures / "filters" / "mine.npz"]
    for path in mine:
        np.savez(path, values=np.ones(3))
    starts = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        module: Any = net()
        Views(net=module, images=animals.pixels_NCHW, only=["filters"], share=None, folder=figures)
        with np.load(figures / "filters" / "start.npz") as start:
            (kernels,) = start.values()
        assert np.array_equal(kernels, module[0].weight.detach().numpy())
        starts.append(kernels)
    assert not np.array_equal(*starts)
    assert all(path.exists() for path in mine)


# What the net is given in the module's own step


class Steps(Plain):
    """Its step makes something else of the batch's images before it calls its net."""

    def given(self, images_BCHW: Tensor) -> Tensor:
        raise NotImplementedError

    def _step(self, batch: Batch, stage: str) -> Tensor:
        images_BCHW, labels_B = batch
        return super()._step((self.given(images_BCHW), labels_B), stage)


class ScalesBytes(Steps):
    def given(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.float() / 255


class Normalises(Steps):
    def given(self, images_BCHW: Tensor) -> Tensor:
        mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 0.25, 0.2])
        return (images_BCHW - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)


class Flattens(Steps):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3 * 12 * 12, 5), nn.ReLU(), nn.Linear(5, 3))

    def given(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.view(len(images_BCHW), -1)


class Mirrors(Steps):
    def given(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.flip(3)


class Generates(Manual):
    """Of two nets, the one that its forward calls is given random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(4, 3 * 12 * 12), nn.Unflatten(1, (3, 12, 12)), nn.Sigmoid())

    def forward(self, code_BD: Tensor) -> Tensor:
        images_BCHW: Tensor = self.generator(code_BD)
        return images_BCHW

    def _step(self, batch: Batch, stage: str) -> Tensor:
        fake_BCHW = self(torch.randn(len(batch[0]), 4))
        loss: Tensor = (self.net(batch[0]) - self.net(fake_BCHW)).square().mean()
        return loss


class CallsTheChild(ScalesBytes):
    """The step passes the module's forward by."""

    def _step(self, batch: Batch, stage: str) -> Tensor:
        images_BCHW, labels_B = batch
        loss = functional.cross_entropy(self.net(self.given(images_BCHW)), labels_B)
        self.log(f"{stage}_loss", loss)
        return loss


NO_SANITY = {"num_sanity_val_steps": 0}
NO_VALIDATION = {"limit_val_batches": 0}


@pytest.mark.parametrize("options", [{}, NO_SANITY, NO_VALIDATION], ids=["sanity", "no_sanity", "training"])
@pytest.mark.parametrize(
    ("module", "data", "mean", "std"),
    [
        (ScalesBytes, uint8, [0, 0, 0], [1, 1, 1]),
        (CallsTheChild, uint8, [0, 0, 0], [1, 1, 1]),
        (Normalises, Case().data, [0.1, 0.2, 0.3], [0.5, 0.25, 0.2]),
        (Flattens, Case().data, [0, 0, 0], [1, 1, 1]),
    ],
)
def test_the_net_is_given_what_its_step_gives_it(
    tmp_path: Path, module: type[Plain], data: Any, mean: Any, std: Any, options: Any, warned: Any
) -> None:
    views = Views(only=["predictions"])
    seen = both(tmp_path, Case(module, data, options), views)
    host = views._host
    assert host is not None
    assert not warned()
    assert host.spec.mean == pytest.approx(mean, abs=1e-5)
    assert host.spec.std == pytest.approx(std, abs=1e-5)
    assert host.found.name == ("net" if module is CallsTheChild else "")
    images_BCHW, _ = next(iter(data()[0 if options == NO_VALIDATION else 1]))
    if options != NO_VALIDATION:
        given_BCHW = seen.module.given(images_BCHW) if isinstance(seen.module, Steps) else images_BCHW
        fed_BCHW = host.found.received.reshape(host.pool.inputs_NCHW[: len(images_BCHW)])
        torch.testing.assert_close(fed_BCHW, given_BCHW.float(), rtol=1e-5, atol=1e-5)
    assert "predictions/epoch_0002.png" in seen.pictures


@pytest.mark.parametrize("options", [{}, NO_SANITY, NO_VALIDATION], ids=["sanity", "no_sanity", "training"])
def test_nothing_is_drawn_of_images_that_the_net_is_not_given(
    tmp_path: Path, options: Any, warned: Callable[[], list[str]]
) -> None:
    seen = both(tmp_path, Case(Mirrors, options=options))
    (told,) = warned()
    assert "the net is given other images" in told
    assert "batch=lambda b:" in told
    assert {name.partition("/")[0] for name in seen.pictures} == {"filters"}, "which are of no image"


def test_a_generator_is_told_and_the_net_that_takes_images_can_be_named(
    tmp_path: Path, warned: Callable[[], list[str]]
) -> None:
    case = Case(Generates, options=NO_VALIDATION)
    assert both(tmp_path / "found", case).drawn == {"filters"}
    (told,) = warned()
    assert "(4,) from" in told
    assert "net='…'" in told
    assert both(tmp_path / "named", case, Views(only=CHEAP, share=None, net="net")).drawn == set(CHEAP)
    assert len(warned()) == 1


class TakesCodes(Steps):
    """Its forward, as that of a generator, runs on codes, which a step makes."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 3))

    def given(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.flatten(1)[:, 40:45] * 3


def test_where_no_net_runs_on_the_images_they_and_the_curves_are_drawn(
    tmp_path: Path, warned: Callable[[], list[str]]
) -> None:
    assert both(tmp_path, Case(TakesCodes), Views(share=None)).drawn == {"samples", "curves.png"}
    (told,) = warned()
    assert told.startswith("In validation_step the net is given other images ((5,) from")


def test_who_says_what_the_net_is_given_is_believed(tmp_path: Path, warned: Callable[[], list[str]]) -> None:
    views = Views(only=CHEAP, share=None, batch=lambda both: (both[0].flip(3), both[1]))
    assert both(tmp_path, Case(Mirrors), views).drawn == set(CHEAP)
    assert not warned()


# Two processes

DISTRIBUTED = """
import sys
from pathlib import Path
import torch
from tests.callbacks.foreign import Case, Plain
from pellucid import Views

if __name__ == "__main__":
    folder, views = Path(sys.argv[1]), Views(only=["predictions"]) if sys.argv[2] == "seen" else None
    options = dict(strategy="ddp", devices=2, num_sanity_val_steps=int(sys.argv[3]))
    ran = Case(Plain, options=options).fit(folder, views)
    if ran.trainer.is_global_zero:
        torch.save(ran.kept["weights"], folder / "weights.pt")
        print(*ran.pictures)
"""


@pytest.mark.slow
@pytest.mark.parametrize("sanity", [pytest.param(0, marks=pytest.mark.heavy), 2])
def test_the_first_of_two_processes_draws_and_nothing_hangs(tmp_path: Path, sanity: int) -> None:
    script = tmp_path / "train.py"
    script.write_text(DISTRIBUTED)
    weights = []
    for name in ("seen", "unseen"):
        folder = tmp_path / name
        folder.mkdir()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
        ended = subprocess.run(
            [sys.executable, str(script), str(folder), name, str(sanity)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert "No pictures" not in ended.stderr
        weights.append(torch.load(folder / "weights.pt", weights_only=True))
        assert ("predictions/epoch_0002.png" in ended.stdout) == (name == "seen")
    assert different(*weights) == ""
    assert len(list((tmp_path / "seen").rglob("predictions/epoch_*.png"))) == 2

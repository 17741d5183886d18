"""Which of Lightning's options of a Trainer are used here, and what is done in place of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# What the run itself gives the Trainer, or has no use for, and what to write for it.
INSTEAD = {
    "callbacks": "Write +callbacks.<name>._target_=<class>, or callbacks=[default,early_stopping].",
    "logger": "Write logger=csv, logger=none or +logger.<name>._target_=<class>.",
    "plugins": "A run has its own. Of precision it is trainer.precision; leave it out.",
    "default_root_dir": "The folder of a run is hydra.run.dir=<folder>.",
    "num_sanity_val_steps": "Every net is tried on two images before its training; leave it out.",
    "enable_progress_bar": "Write ~callbacks.progress to have none.",
    "enable_model_summary": "Write ~callbacks.summary to have none, or callbacks.summary.depth=3.",
    "enable_checkpointing": "The best and the last are always kept, more of them by keep_every=<epochs>.",
    "use_distributed_sampler": "The images are shared out among the processes as they are; leave it out.",
    "reload_dataloaders_every_n_epochs": "The images are read once; leave it out.",
    "limit_predict_batches": "A training predicts nothing. For that: the command predict images=<folder>.",
    "enable_autolog_hparams": "Write logger=none to have none of them logged.",
    "model_registry": "A net is handed on by the command export.",
    "barebones": "Write callbacks=none logger=none report=false.",
    "num_nodes": "Several machines are not supported; trainer.devices=<number> takes several of one.",
}
MINIMUM = {
    "accumulate_grad_batches": 1,
    "check_val_every_n_epoch": 1,
    "log_every_n_steps": 0,
    "gradient_clip_val": 0,
    "min_epochs": 0,
    "min_steps": 0,
}


def trainer_problems(trainer: Mapping[str, Any]) -> Iterator[str]:
    """Problems of a Trainer's options: what it would ignore, wait for, or refuse in the midst."""
    for name, remedy in INSTEAD.items():
        value = trainer.get(name)
        if value is not None and not (name == "num_nodes" and value == 1):
            yield f"trainer.{name}={value}: not an option here. {remedy}"
    for name, minimum in MINIMUM.items():
        value = trainer.get(name)
        if isinstance(value, int | float) and value < minimum:
            yield f"trainer.{name}={value}: expected at least {minimum}."
    interval = trainer.get("val_check_interval")
    if isinstance(interval, int | float) and interval <= 0:
        yield f"trainer.val_check_interval={interval}: expected a share of an epoch or a number of batches."
    max_epochs, min_epochs = trainer.get("max_epochs", 0), trainer.get("min_epochs")
    if max_epochs is None and trainer.get("max_steps") in (None, -1) and not trainer.get("max_time"):
        yield "trainer.max_epochs=null: expected a number, +trainer.max_steps=… or +trainer.max_time=…"
    if isinstance(max_epochs, int) and isinstance(min_epochs, int) and 0 <= max_epochs < min_epochs:
        yield f"trainer.min_epochs={min_epochs}: more than trainer.max_epochs={max_epochs}."
    if trainer.get("gradient_clip_algorithm") and not trainer.get("gradient_clip_val"):
        yield "trainer.gradient_clip_algorithm: nothing is clipped without trainer.gradient_clip_val=<limit>."

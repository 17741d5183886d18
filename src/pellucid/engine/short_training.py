"""A short training of what a configuration describes, on a copy that nothing else sees."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer

from pellucid.config.build import build
from pellucid.data.image_cache import ImageCache
from pellucid.engine.build import assemble
from pellucid.inside.preserve_state import preserve_random_state
from pellucid.system.console import quiet_lightning
from pellucid.system.process import quiet_warnings

# Options of the trainer that are kept; the others are of a training's length, and of what it writes.
KEPT = ("_target_", "accelerator", "precision", "accumulate_grad_batches", "deterministic", "benchmark")
CLIPPING = ("gradient_clip_val", "gradient_clip_algorithm")


def short_training(
    config: Mapping[str, Any],
    callback: Callback,
    *,
    images: ImageCache | None = None,
    features: bool = True,
    **limits: Any,
) -> None:
    """Train within ``limits``, options of the Trainer, with that callback alone, on one device.

    A function of the configuration and its seed; net, optimizer and folder are its own, and the random state
    is as before. ``images``: what has been read already. ``features``: those of frozen layers are computed
    once, as in a training. Raises UserError.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    quiet_lightning()
    with preserve_random_state(device), tempfile.TemporaryDirectory() as folder, quiet_warnings():
        with _quietly():
            data, task = assemble(config)
            (images or ImageCache()).setup(data, config["data"], device_images=config.get("device_images", 0))
            task.fit_targets(data.splits["train"].targets)
            if features and (net := task.frozen_features(data.spec.image_shape)):
                data.remember(net.embed, net.augmentations_per_image)
        node = {name: value for name, value in config["trainer"].items() if name in (*KEPT, *CLIPPING)}
        trainer: Trainer = build(
            {**node, "devices": 1, **limits},
            "trainer",
            packages=config["packages"],
            callbacks=[callback],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=folder,
        )
        trainer.fit(task, datamodule=data)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what is told as a net is built: the training, or the command, tells it."""
    ours = logging.getLogger("pellucid")
    level = ours.level
    ours.setLevel(logging.ERROR)
    try:
        yield
    finally:
        ours.setLevel(level)

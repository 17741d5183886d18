"""Lightning: the BoringModel of its demos on vectors of 32 random numbers: no images, no classes."""

from __future__ import annotations

from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.demos.boring_classes import BoringDataModule, BoringModel

from tests.foreign.project import Project, run


def main(project: Project) -> Trainer:
    seed_everything(0, verbose=False)
    trainer = Trainer(max_epochs=2, log_every_n_steps=1, limit_train_batches=8, **project.options())
    trainer.fit(BoringModel(), datamodule=BoringDataModule())
    return trainer


if __name__ == "__main__":
    run(main)

"""torch-uncertainty: a packed ensemble, whose net gives four answers an image, one below the other."""

from __future__ import annotations

import torch
from lightning.pytorch import Trainer, seed_everything
from torch import nn
from torch_uncertainty import TUTrainer
from torch_uncertainty.datamodules import MNISTDataModule
from torch_uncertainty.models.classification.lenet import packed_lenet
from torch_uncertainty.routines import ClassificationRoutine
from torch_uncertainty.transforms import RepeatTarget

from tests.foreign.fakes import write_mnist
from tests.foreign.project import Project, run


def main(project: Project) -> Trainer:
    seed_everything(0, verbose=False)
    root = write_mnist(project.data, {"train": 300, "t10k": 60})
    datamodule = MNISTDataModule(
        root=root, batch_size=32, num_workers=0, persistent_workers=False, pin_memory=False
    )
    model = packed_lenet(in_channels=1, num_classes=10, alpha=2, num_estimators=4)
    routine = ClassificationRoutine(
        model=model,
        num_classes=10,
        loss=nn.CrossEntropyLoss(),
        is_ensemble=True,
        format_batch_fn=RepeatTarget(4),
        optim_recipe=torch.optim.Adam(model.parameters(), lr=2e-3),
    )
    trainer = TUTrainer(max_epochs=3, log_every_n_steps=2, **project.options())
    trainer.fit(model=routine, datamodule=datamodule)
    return trainer


if __name__ == "__main__":
    run(main)

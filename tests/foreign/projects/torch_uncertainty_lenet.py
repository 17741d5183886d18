"""torch-uncertainty: its ClassificationRoutine with its LeNet, its MNIST and its trainer."""

from __future__ import annotations

from functools import partial

import torch
from lightning.pytorch import Trainer, seed_everything
from torch import nn
from torch_uncertainty import TUTrainer
from torch_uncertainty.datamodules import MNISTDataModule
from torch_uncertainty.models.classification.lenet import lenet
from torch_uncertainty.routines import ClassificationRoutine

from tests.foreign.fakes import write_mnist
from tests.foreign.project import Project, run


def main(project: Project) -> Trainer:
    seed_everything(0, verbose=False)
    root = write_mnist(project.data, {"train": 300, "t10k": 60})
    datamodule = MNISTDataModule(
        root=root, batch_size=32, num_workers=0, persistent_workers=False, pin_memory=False
    )
    model = lenet(in_channels=1, num_classes=10, dropout_rate=0.2)
    routine = ClassificationRoutine(
        model=model,
        num_classes=10,
        loss=nn.CrossEntropyLoss(),
        optim_recipe=partial(torch.optim.Adam, lr=2e-3)(model.parameters()),
    )
    trainer = TUTrainer(max_epochs=3, log_every_n_steps=2, **project.options())
    trainer.fit(model=routine, datamodule=datamodule)
    return trainer


if __name__ == "__main__":
    run(main)

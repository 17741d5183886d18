"""Lightning: the autoencoder of its README on the MNIST of its demos; its forward takes flattened images."""

from __future__ import annotations

import os

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.demos.mnist_datamodule import MNISTDataModule
from torch import Tensor, nn

from tests.foreign.fakes import write_mnist
from tests.foreign.project import Project, run


class LitAutoEncoder(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(28 * 28, 128), nn.ReLU(), nn.Linear(128, 3))
        self.decoder = nn.Sequential(nn.Linear(3, 128), nn.ReLU(), nn.Linear(128, 28 * 28))

    def forward(self, x: Tensor) -> Tensor:
        # in lightning, forward defines the prediction/inference actions
        return self.encoder(x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return self._loss(batch, "train_loss")

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._loss(batch, "val_loss")

    def _loss(self, batch: tuple[Tensor, Tensor], name: str) -> Tensor:
        x, _ = batch
        x = x.view(x.size(0), -1)
        loss = nn.functional.mse_loss(self.decoder(self.encoder(x)), x)
        self.log(name, loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def main(project: Project) -> Trainer:
    seed_everything(0, verbose=False)
    os.chdir(project.folder)  # the demo keeps its files in ./data
    write_mnist(project.data, {"train": 320, "t10k": 32})
    datamodule = MNISTDataModule(val_split=64, num_workers=0, normalize=True)
    trainer = Trainer(max_epochs=3, log_every_n_steps=2, **project.options())
    trainer.fit(LitAutoEncoder(), datamodule=datamodule)
    return trainer


if __name__ == "__main__":
    run(main)

"""lightly: SimCLR as its examples have it; a batch is two views of each photo, labels and file names."""

from __future__ import annotations

import torch
import torchvision
from lightly.data import LightlyDataset
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms import SimCLRTransform
from lightning.pytorch import LightningModule, Trainer, seed_everything
from torch import Tensor, nn

from tests.foreign.fakes import write_photos
from tests.foreign.project import Project, run

Batch = tuple[list[Tensor], Tensor, list[str]]


class SimCLR(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        resnet = torchvision.models.resnet18()
        self.backbone = nn.Sequential(*list(resnet.children())[:-1])
        self.projection_head = SimCLRProjectionHead(512, 512, 32)
        self.criterion = NTXentLoss()

    def forward(self, x: Tensor) -> Tensor:
        x = self.backbone(x).flatten(start_dim=1)
        return self.projection_head(x)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        return self._loss(batch, "train_loss")

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        self._loss(batch, "val_loss")

    def _loss(self, batch: Batch, name: str) -> Tensor:
        x0, x1 = batch[0]
        loss = self.criterion(self.forward(x0), self.forward(x1))
        self.log(name, loss, batch_size=len(x0))
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.06)


def main(project: Project) -> Trainer:
    seed_everything(0, verbose=False)
    transform = SimCLRTransform(input_size=32, gaussian_blur=0.0)
    loaders = [
        torch.utils.data.DataLoader(
            LightlyDataset(
                str(write_photos(project.data / split, count, 48, seed=seed)), transform=transform
            ),
            batch_size=16,
            shuffle=split == "train",
            drop_last=True,
        )
        for seed, (split, count) in enumerate((("train", 16), ("val", 8)))
    ]
    trainer = Trainer(max_epochs=2, log_every_n_steps=1, **project.options())
    trainer.fit(SimCLR(), *loaders)
    return trainer


if __name__ == "__main__":
    run(main)

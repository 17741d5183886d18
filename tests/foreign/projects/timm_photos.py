"""timm: a net of its smallest size on folders of JPEGs, its own transforms, a split by ``random_split``."""

from __future__ import annotations

import timm
import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from timm.data import create_transform, resolve_data_config
from torch import Tensor, nn
from torch.utils.data import DataLoader, random_split
from torchmetrics.classification import MulticlassAccuracy
from torchvision.datasets import ImageFolder

from tests.foreign.fakes import write_photos
from tests.foreign.project import Project, run


class Classifier(LightningModule):
    def __init__(self, classes: int, lr: float = 1e-3) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = timm.create_model("test_resnet", pretrained=False, num_classes=classes)
        self.loss = nn.CrossEntropyLoss(label_smoothing=0.1)
        self.accuracy = MulticlassAccuracy(classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, labels = batch
        loss = self.loss(self(images), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        images, labels = batch
        logits = self(images)
        self.accuracy(logits, labels)
        self.log("val_loss", self.loss(logits, labels))
        self.log("val_acc", self.accuracy)

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams["lr"])
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.trainer.max_epochs or 1)
        return {"optimizer": optimizer, "lr_scheduler": schedule}


def main(project: Project) -> Trainer:
    seed_everything(1, verbose=False)
    folder = write_photos(project.data, count=30, size=96, suffix="jpg")
    module = Classifier(classes=4)
    config = resolve_data_config({"input_size": (3, 64, 64)}, model=module.net)
    dataset = ImageFolder(folder, transform=create_transform(**config))
    train, val = random_split(dataset, [0.75, 0.25])
    trainer = Trainer(max_epochs=3, log_every_n_steps=2, **project.options())
    trainer.fit(
        module,
        DataLoader(train, batch_size=16, shuffle=True),
        DataLoader(val, batch_size=16),
    )
    return trainer


if __name__ == "__main__":
    run(main)

"""segmentation-models-pytorch: a Unet as its examples have it: batches are dicts, the module normalises."""

from __future__ import annotations

from typing import Any

import numpy as np
import segmentation_models_pytorch as smp
import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tests.foreign.fakes import SHAPES, photo
from tests.foreign.project import Project, run


class Shapes(Dataset[dict[str, Any]]):
    """Pictures of shapes (3, 64, 64), 0 to 255, and masks (1, 64, 64) of 0 and 1, where something shines."""

    def __init__(self, count: int, seed: int) -> None:
        generator = np.random.default_rng(seed)
        self.images = np.stack([photo(SHAPES[n % 3], 64, generator) for n in range(count)])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = self.images[index]
        mask = (image.mean(axis=2) > 110).astype(np.float32)
        return {"image": image.transpose(2, 0, 1), "mask": mask[None], "name": f"shape {index}"}


class ShapeModel(LightningModule):
    def __init__(self, arch: str, encoder_name: str, in_channels: int, out_classes: int) -> None:
        super().__init__()
        self.model = smp.create_model(
            arch,
            encoder_name=encoder_name,
            encoder_weights=None,
            encoder_depth=3,
            decoder_channels=(32, 16, 8),
            in_channels=in_channels,
            classes=out_classes,
        )
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.loss_fn = smp.losses.DiceLoss(smp.losses.BINARY_MODE, from_logits=True)
        self.validation_step_outputs: list[dict[str, Tensor]] = []

    def forward(self, image: Tensor) -> Tensor:
        image = (image / 255 - self.mean) / self.std
        return self.model(image)

    def shared_step(self, batch: dict[str, Any], stage: str) -> dict[str, Tensor]:
        image, mask = batch["image"], batch["mask"]
        logits_mask = self.forward(image)
        loss = self.loss_fn(logits_mask, mask)
        pred_mask = (logits_mask.sigmoid() > 0.5).float()
        tp, fp, fn, tn = smp.metrics.get_stats(pred_mask.long(), mask.long(), mode="binary")
        self.log(f"{stage}_loss", loss, batch_size=len(image))
        return {"loss": loss, "tp": tp, "fp": fp, "fn": fn, "tn": tn}

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> dict[str, Tensor]:
        return self.shared_step(batch, "train")

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self.validation_step_outputs.append(self.shared_step(batch, "valid"))

    def on_validation_epoch_end(self) -> None:
        counts = [
            torch.cat([step[name] for step in self.validation_step_outputs])
            for name in ("tp", "fp", "fn", "tn")
        ]
        self.log("valid_dataset_iou", smp.metrics.iou_score(*counts, reduction="micro"), prog_bar=True)
        self.validation_step_outputs.clear()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=2e-3)


def main(project: Project) -> Trainer:
    seed_everything(0, verbose=False)
    train, valid = (
        DataLoader(Shapes(count, seed), batch_size=16, shuffle=seed == 0)
        for seed, count in enumerate((96, 32))
    )
    model = ShapeModel("Unet", "resnet18", in_channels=3, out_classes=1)
    trainer = Trainer(max_epochs=3, log_every_n_steps=1, **project.options())
    trainer.fit(model, train_dataloaders=train, val_dataloaders=valid)
    return trainer


if __name__ == "__main__":
    run(main)

"""transformers and datasets: a tiny ViT of a random config; ``pixel_values``, names in features."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, Features, Image
from lightning.pytorch import LightningModule, Trainer, seed_everything
from PIL import Image as Pictures
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.transforms import Compose, Normalize, RandomHorizontalFlip, Resize, ToTensor
from transformers import ViTConfig, ViTForImageClassification
from transformers.modeling_outputs import ImageClassifierOutput

from tests.foreign.fakes import SHAPES, photo
from tests.foreign.project import Project, run


def shapes(count: int, seed: int) -> Dataset:
    """A table of pictures and labels, as ``load_dataset("imagefolder", …)`` gives it."""
    generator = np.random.default_rng(seed)
    labels = [n % 4 for n in range(count)]
    images = [Pictures.fromarray(photo(SHAPES[label], 40, generator)) for label in labels]
    features = Features({"image": Image(), "label": ClassLabel(names=list(SHAPES))})
    return Dataset.from_dict({"image": images, "label": labels}, features=features)


def collate_fn(examples: list[dict[str, Any]]) -> dict[str, Tensor]:
    pixel_values = torch.stack([example["pixel_values"] for example in examples])
    labels = torch.tensor([example["label"] for example in examples])
    return {"pixel_values": pixel_values, "labels": labels}


class ViT(LightningModule):
    def __init__(self, names: list[str]) -> None:
        super().__init__()
        config = ViTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            image_size=32,
            patch_size=8,
            id2label=dict(enumerate(names)),
            label2id={name: n for n, name in enumerate(names)},
        )
        self.vit = ViTForImageClassification(config)

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> ImageClassifierOutput:
        return self.vit(pixel_values=pixel_values, labels=labels)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        loss = self(**batch).loss
        self.log("training_loss", loss)
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        output = self(**batch)
        accuracy = (output.logits.argmax(-1) == batch["labels"]).float().mean()
        self.log_dict({"validation_loss": output.loss, "validation_accuracy": accuracy})

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


def main(project: Project) -> Trainer:
    seed_everything(0, verbose=False)
    normalize = Normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])
    train_transforms = Compose([Resize((32, 32)), RandomHorizontalFlip(), ToTensor(), normalize])
    val_transforms = Compose([Resize((32, 32)), ToTensor(), normalize])

    def preprocess_train(examples: dict[str, Any]) -> dict[str, Any]:
        examples["pixel_values"] = [train_transforms(image) for image in examples["image"]]
        return examples

    def preprocess_val(examples: dict[str, Any]) -> dict[str, Any]:
        examples["pixel_values"] = [val_transforms(image) for image in examples["image"]]
        return examples

    train, val = shapes(96, seed=0), shapes(32, seed=1)
    module = ViT(train.features["label"].names)
    train.set_transform(preprocess_train)
    val.set_transform(preprocess_val)
    trainer = Trainer(max_epochs=3, log_every_n_steps=1, **project.options())
    trainer.fit(
        module,
        DataLoader(train, shuffle=True, collate_fn=collate_fn, batch_size=16),
        DataLoader(val, collate_fn=collate_fn, batch_size=16),
    )
    return trainer


if __name__ == "__main__":
    run(main)

"""torchgeo: its ClassificationTask on its EuroSAT, 13 bands normalised by kornia after the transfer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from lightning.pytorch import Trainer, seed_everything
from torchgeo.datamodules import EuroSAT100DataModule
from torchgeo.datamodules.eurosat import MEAN, STD
from torchgeo.datasets import EuroSAT100
from torchgeo.trainers import ClassificationTask

from tests.foreign.fakes import SHAPES, photo
from tests.foreign.project import Project, run

CLASSES = (
    "AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial", "Pasture", "PermanentCrop",
    "Residential", "River", "SeaLake",
)  # fmt: skip


def write_eurosat(root: Path, counts: dict[str, int]) -> Path:
    """GeoTIFFs of 13 bands of 64 × 64 pixels in the folders of EuroSAT100, and its lists of files."""
    generator = np.random.default_rng(0)
    means, stds = (np.array(list(values.values()))[:, None, None] for values in (MEAN, STD))
    folder = root / EuroSAT100.base_dir
    listed: dict[str, list[str]] = {split: [] for split in counts}
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        splits = [split for split, count in counts.items() for _ in range(count)]
        for n, split in enumerate(splits):
            grey = photo(SHAPES[label % 4], 64, generator).mean(axis=2) / 60 - 1
            bands = (means + stds * (grey + label / 10)).clip(0).astype(np.uint16)
            file = f"{name}_{n + 1}.tif"
            with rasterio.open(
                folder / name / file, "w", driver="GTiff", width=64, height=64, count=13, dtype="uint16",
                crs="EPSG:32632", transform=rasterio.transform.from_origin(500_000, 5_000_000, 10, 10),
            ) as image:  # fmt: skip
                image.write(bands)
            listed[split].append(file.replace(".tif", ".jpg"))
    for split, files in listed.items():
        (root / EuroSAT100.split_filenames[split]).write_text("\n".join(files), encoding="utf-8")
    return root


def main(project: Project) -> Trainer:
    seed_everything(0, verbose=False)
    root = write_eurosat(project.data, {"train": 6, "val": 2, "test": 2})
    datamodule = EuroSAT100DataModule(root=root, batch_size=10, num_workers=0)
    task = ClassificationTask(
        model="test_resnet", weights=None, in_channels=13, num_classes=10, loss="ce", lr=1e-3, patience=5
    )
    trainer = Trainer(max_epochs=3, log_every_n_steps=1, **project.options())
    trainer.fit(model=task, datamodule=datamodule)
    return trainer


if __name__ == "__main__":
    run(main)

"""anomalib: its GANomaly, which redraws good tiles: two optimizers by hand, a score and no map an image."""

from __future__ import annotations

from anomalib.data import Folder
from anomalib.engine import Engine
from anomalib.models import Ganomaly
from lightning.pytorch import Trainer, seed_everything

from tests.foreign.fakes import write_tiles
from tests.foreign.project import Project, run


def main(project: Project) -> Trainer:
    seed_everything(0, verbose=False)
    datamodule = Folder(
        name="tiles",
        root=write_tiles(project.data),
        normal_dir="good",
        abnormal_dir="broken",
        train_batch_size=8,
        eval_batch_size=8,
        num_workers=0,
        seed=0,
    )
    model = Ganomaly(
        batch_size=8,
        n_features=8,
        latent_vec_size=16,
        pre_processor=Ganomaly.configure_pre_processor((64, 64)),
    )
    engine = Engine(default_root_dir=project.folder, max_epochs=3, log_every_n_steps=1, **project.options())
    engine.fit(model=model, datamodule=datamodule)
    return engine.trainer


if __name__ == "__main__":
    run(main)

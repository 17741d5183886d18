"""Train any model on any data set: ``python train.py model=xai data=catdog``. See ``--help``."""

from pathlib import Path
from typing import Any

from pellucid.commands.command import run_command


def main(config: dict[str, Any], folder: Path, *, resume: bool = False) -> None:
    from pellucid.commands.train import train  # torch is imported only when the command line was found right

    train(config, folder, resume=resume)


if __name__ == "__main__":
    run_command(main, conf=Path(__file__).resolve().parent / "conf", name="train")

"""What a net says of image files: ``python scripts/predict.py run=<run> images=<folder>``. See ``--help``."""

from pathlib import Path
from typing import Any

from pellucid.commands.command import run_command


def main(config: dict[str, Any], folder: Path) -> None:
    from pellucid.commands.predict import predict
    from pellucid.system.console import start_logging

    start_logging(None)
    predict(**config)


if __name__ == "__main__":
    run_command(main, conf=Path(__file__).resolve().parents[1] / "conf", name="predict")

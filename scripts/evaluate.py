"""Test a run's checkpoints: ``python scripts/evaluate.py run=outputs/cnn_digits/<run>``. See ``--help``."""

from pathlib import Path
from typing import Any

from pellucid.commands.command import run_command


def main(config: dict[str, Any], folder: Path) -> None:
    from pellucid.commands.evaluate import evaluate
    from pellucid.system.console import start_logging

    start_logging(None)
    evaluate(**config)


if __name__ == "__main__":
    run_command(main, conf=Path(__file__).resolve().parents[1] / "conf", name="evaluate")

"""Two runs side by side: ``python scripts/compare.py runs=[<run>,<run>]``. See ``--help``."""

from pathlib import Path
from typing import Any

from pellucid.commands.command import run_command


def main(config: dict[str, Any], folder: Path) -> None:
    from pellucid.commands.compare.compare import compare
    from pellucid.system.console import start_logging

    start_logging(None)
    compare(**config)


if __name__ == "__main__":
    run_command(main, conf=Path(__file__).resolve().parents[1] / "conf", name="compare")

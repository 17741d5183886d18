"""What excites each unit of a layer: ``python scripts/units.py run=<run> layer=<name>``. See ``--help``."""

from pathlib import Path
from typing import Any

from pellucid.commands.command import run_command


def main(config: dict[str, Any], folder: Path) -> None:
    from pellucid.commands.units import units
    from pellucid.system.console import start_logging

    start_logging(None)
    units(**config)


if __name__ == "__main__":
    run_command(main, conf=Path(__file__).resolve().parents[1] / "conf", name="units")

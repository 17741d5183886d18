"""A trained net as a file for other programs: ``python scripts/export.py run=<run>``. See ``--help``."""

from pathlib import Path
from typing import Any

from pellucid.commands.command import run_command


def main(config: dict[str, Any], folder: Path) -> None:
    from pellucid.commands.export.export import export
    from pellucid.system.console import start_logging

    start_logging(None)
    export(**config)


if __name__ == "__main__":
    run_command(main, conf=Path(__file__).resolve().parents[1] / "conf", name="export")

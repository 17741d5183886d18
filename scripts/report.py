"""Write a sweep's table and page: ``python scripts/report.py sweep=outputs/sweeps/first``. See ``--help``."""

from pathlib import Path
from typing import Any

from pellucid.command import run_command


def main(config: dict[str, Any], folder: Path) -> None:
    from pellucid.console import start_logging
    from pellucid.sweep.summary import write_report

    start_logging(None)
    out = Path(config["out"]).expanduser().absolute() if config["out"] else None
    write_report(folder, storage=config["storage"], out=out)


if __name__ == "__main__":
    run_command(main, conf=Path(__file__).resolve().parents[1] / "conf", name="report")

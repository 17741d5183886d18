"""The page of a run or a sweep: ``python scripts/report.py run=outputs/cnn_digits/<run>``. See ``--help``."""

from pathlib import Path
from typing import Any

from pellucid.commands.command import run_command


def main(config: dict[str, Any], folder: Path) -> None:
    from pellucid.system.console import start_logging

    storage, of_run = config.pop("storage"), config["run"] is not None
    if of_run:
        from pellucid.commands.report import report

        start_logging(None)  # after Lightning, which sets its own level
        report(**config)
    else:
        from pellucid.sweep.summary import write_report

        start_logging(None)
        out = Path(config["out"]).expanduser().absolute() if config["out"] else None
        write_report(folder, storage=storage, out=out)


if __name__ == "__main__":
    run_command(main, conf=Path(__file__).resolve().parents[1] / "conf", name="report")

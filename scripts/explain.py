"""Why a net says what it says: ``python scripts/explain.py run=<run> images=<folder>``. See ``--help``."""

from pathlib import Path
from typing import Any

from pellucid.commands.command import run_command


def main(config: dict[str, Any], folder: Path) -> None:
    from pellucid.commands.explain import explain
    from pellucid.system.console import start_logging

    start_logging(None)
    explain(**config)


if __name__ == "__main__":
    run_command(main, conf=Path(__file__).resolve().parents[1] / "conf", name="explain")

"""Where a net puts images: ``python scripts/embed.py run=outputs/cnn_digits/<run>``. See ``--help``."""

from pathlib import Path
from typing import Any

from pellucid.commands.command import run_command


def main(config: dict[str, Any], folder: Path) -> None:
    from pellucid.commands.embed.embed import embed
    from pellucid.system.console import start_logging

    start_logging(None)
    embed(**config)


if __name__ == "__main__":
    run_command(main, conf=Path(__file__).resolve().parents[1] / "conf", name="embed")

"""How fast training is, beside a plain loop: ``python scripts/benchmark.py``. See ``--help``."""

from pathlib import Path
from typing import Any

from pellucid.commands.command import run_command

CONF = Path(__file__).resolve().parents[1] / "conf"


def main(config: dict[str, Any], folder: Path) -> None:
    from pellucid.benchmark.run import benchmark

    benchmark(config, CONF)


if __name__ == "__main__":
    run_command(main, conf=CONF, name="benchmark")

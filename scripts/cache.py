"""Look at the cache of decoded photos, or clear it: ``python scripts/cache.py clear=true``."""

from pathlib import Path
from typing import Any

from pellucid.commands.command import run_command


def main(config: dict[str, Any], folder: Path) -> None:
    from datetime import datetime

    from pellucid.data.photos import clear, entries
    from pellucid.system.console import console

    cache = Path(config["cache"]).expanduser()
    found = entries(cache)
    for entry in found:
        when = datetime.fromtimestamp(entry.used).strftime("%Y-%m-%d %H:%M")
        console.print(
            f"{entry.size / 2**20:10,.1f} MiB   {when}   {entry.root}", markup=False, soft_wrap=True
        )
    total = sum(entry.size for entry in found)
    said = f"{clear(cache) / 2**20:,.1f} MiB freed" if config["clear"] else f"{total / 2**20:,.1f} MiB"
    console.print(f"{said} in {cache}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    run_command(main, conf=Path(__file__).resolve().parents[1] / "conf", name="cache")

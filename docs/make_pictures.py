"""The README's picture, from a real run's output: ``python docs/make_pictures.py``."""

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 112


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, ROOT / "train.py", "callbacks.summary.depth=1", "trainer=cpu"],
            cwd=folder,
            env={**os.environ, "FORCE_COLOR": "1", "TTY_COMPATIBLE": "0", "COLUMNS": str(WIDTH)},
            capture_output=True,
            text=True,
            check=True,
        )
        shown = done.stdout[done.stdout.index("CNN for images") :].replace(f"{Path(folder).resolve()}/", "")
    console = Console(record=True, width=WIDTH, highlight=False, file=io.StringIO())
    console.print(Text("$ python train.py\n", style="bold green"), Text.from_ansi(shown), sep="")
    console.save_svg(str(ROOT / "docs" / "run.svg"), title="pellucid")


if __name__ == "__main__":
    main()

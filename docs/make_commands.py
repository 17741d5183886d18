"""The outputs in ``docs/commands.md``: ``python docs/make_commands.py`` runs its lines that begin with $.

In a folder of its own, with the runs and images that the page speaks of; five minutes at most on two cores.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from pellucid.system.files import write_atomically

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "commands.md"
WIDTH = "110"
SAMPLE = re.compile(r"^```\n\$ (python .*)\n(?:.*\n)*?```$", re.MULTILINE)
QUIET = ("trainer=cpu", "callbacks=none", "logger=none")
TRAININGS = (
    ("name=first", *QUIET),
    ("name=dense", "model=dnn", *QUIET),
    ("name=wider", "model.channels=[64,128]", *QUIET),
    ("-m", "sweep.name=seeds", "model=cnn,dnn", "seed=0,1,2,3,4", "trainer.max_epochs=3", *QUIET),
)
DIGITS = """
import numpy as np
from pathlib import Path
from PIL import Image
from sklearn.datasets import load_digits
digits = load_digits()
Path("digits").mkdir()
for number in range(5):
    pixels = digits.images[np.flatnonzero(digits.target == number)[0]] * 255 / 16
    Image.fromarray(pixels.astype(np.uint8)).save(f"digits/{number}.png")
"""


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        subprocess.run([sys.executable, "-c", DIGITS], cwd=folder, check=True)
        for line in TRAININGS:
            run(folder, "train.py", *line)
        made = SAMPLE.sub(lambda sample: f"```\n$ {sample[1]}\n{shown(folder, sample[1])}\n```", text)
    write_atomically(PAGE, made.encode())


def shown(folder: Path, line: str) -> str:
    """What a line prints, its folder left out."""
    rows = run(folder, *line.split()[1:]).replace(f"{folder}/", "").rstrip().splitlines()
    return "\n".join(row.rstrip() for row in rows)


def run(folder: Path, script: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *options],
        cwd=folder,
        env={**os.environ, "COLUMNS": WIDTH, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{script} {' '.join(options)}:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
